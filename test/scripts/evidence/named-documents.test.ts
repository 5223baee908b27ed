import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { findDocuments } from '../../../scripts/evidence/named-documents.ts'
import { expectRejection } from '../../support/expect-error.ts'

describe('the documents that arguments name', () => {
  let folder: string
  const at = (...names: string[]): string => path.join(folder, ...names)
  const find = (...args: string[]) => findDocuments(args, at('credentials'))

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'countersign-documents-'))
    mkdirSync(at('in', 'deep', 'deeper'), { recursive: true })
    writeFileSync(at('in', 'b.txt'), 'b')
    writeFileSync(at('in', 'a.txt'), '')
    writeFileSync(at('in', 'deep', 'deeper', 'c.txt'), 'ccc')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are files by their names, and all of a folder by the paths in it, in order', async () => {
    const { documents, leftOut } = await find(at('in'), at('in', 'deep', 'deeper', 'c.txt'))
    expect(documents).to.deep.equal([
      { file: at('in', 'a.txt'), place: 'a.txt', size: 0 },
      { file: at('in', 'b.txt'), place: 'b.txt', size: 1 },
      { file: at('in', 'deep', 'deeper', 'c.txt'), place: 'deep/deeper/c.txt', size: 3 },
      { file: at('in', 'deep', 'deeper', 'c.txt'), place: 'c.txt', size: 3 },
    ])
    expect(leftOut).to.deep.equal([])
  })

  it('leaves out empty folders, pipes and symbolic links that it comes across, and says so', async () => {
    mkdirSync(at('in', 'empty'))
    symlinkSync(at('in'), at('in', 'circle'))
    execFileSync('mkfifo', [at('in', 'pipe')])
    const { documents, leftOut } = await find(at('in'))
    expect(documents).to.have.length(3)
    expect(leftOut.map(({ file, reason, isFault }) => [path.basename(file), reason, isFault])).to.deep.equal([
      ['circle', 'a symbolic link, which is not followed', false],
      ['empty', 'an empty folder', false],
      ['pipe', 'a device, pipe or socket', false],
    ])
  })

  it('follows a symbolic link that is named itself', async () => {
    symlinkSync(at('in', 'b.txt'), at('link.txt'))
    const { documents } = await find(at('link.txt'))
    expect(documents).to.deep.equal([{ file: at('link.txt'), place: 'link.txt', size: 1 }])
  })

  it('passes over the folder that credentials go to', async () => {
    mkdirSync(at('credentials'))
    writeFileSync(at('credentials', 'a.txt.credential.json'), '{}')
    expect((await find(folder)).documents.map(({ place }) => place)).to.deep.equal([
      'in/a.txt',
      'in/b.txt',
      'in/deep/deeper/c.txt',
    ])
  })

  it('is refused where an argument names nothing, or two files would get one place', async () => {
    const missing = await expectRejection(find(at('in'), at('nothing')), 'FILE_UNREADABLE')
    expect(missing.message).to.contain('nothing: there is no such file')
    const twice = await expectRejection(find(at('in'), at('in', 'a.txt')), 'FILE_UNREADABLE')
    expect(twice.message).to.contain('would both be a.txt')
  })
})
