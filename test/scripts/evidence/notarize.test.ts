import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { parseCredential, readCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { type Neighbourhood, settleEvidence, sha256 } from '../../services/evidence/evidence-fixture.ts'
import { runScript, startScript } from './evidence-script.ts'

describe('notarize', function () {
  this.timeout(120_000)
  let home: Neighbourhood

  beforeEach(async () => {
    home = await settleEvidence()
    await home.server.start()
    mkdirSync(at('in'))
  })
  afterEach(() => home.end())

  const at = (...names: string[]): string => path.join(home.server.folder, ...names)
  const notarize = async (...args: string[]) => {
    const { code, stdout, talk } = await runScript(home.server, 'notarize', ...args, '--json')
    return { talk, ...(stdout === '' ? {} : JSON.parse(stdout)), exitCode: code }
  }
  const credentialFiles = (): string[] =>
    readdirSync(at('credentials'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .sort()
  const read = (name: string) => readCredential(parseCredential(readFileSync(at('credentials', name))))

  it('gives each file a credential of its own, on chain, in folders like those of the files', async () => {
    mkdirSync(at('in', 'deep'))
    writeFileSync(at('in', 'a.txt'), 'the same')
    writeFileSync(at('in', 'deep', 'b.pdf'), 'the same')
    writeFileSync(at('in', 'empty'), '')
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 3, known: 0, failed: 0, pending: 0 })
    const files = ['a.txt.credential.json', 'deep/b.pdf.credential.json', 'empty.credential.json']
    expect(credentialFiles()).to.deep.equal(files)
    const [a, b, empty] = files.map(read)
    expect(a!.metadata).to.deep.equal({ name: 'a.txt', mediaType: 'text/plain', size: 8 })
    expect(b!.metadata).to.deep.equal({ name: 'b.pdf', mediaType: 'application/pdf', size: 8 })
    expect(empty!.metadata).to.deep.equal({ name: 'empty', mediaType: 'application/octet-stream', size: 0 })
    expect([a!.contentHash, b!.contentHash]).to.deep.equal([sha256('the same'), sha256('the same')])
    expect(new Set([a!.credentialId, b!.credentialId, empty!.credentialId]).size).to.equal(3)
    expect(new Set([a!.digest, b!.digest]).size).to.equal(2)
    for (const { receipt } of [a!, b!, empty!]) expect(receipt?.tier).to.equal('recorded')
  })

  it('knows again what it has handed in, by its credential or, without that, by its key', async () => {
    for (const name of ['a', 'b']) writeFileSync(at('in', name), name)
    await notarize('in')
    const before = credentialFiles().map((name) => readFileSync(at('credentials', name), 'utf8'))
    rmSync(at('credentials', 'b.credential.json'))
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 1, known: 1 })
    const after = credentialFiles().map((name) => readFileSync(at('credentials', name), 'utf8'))
    expect(after).to.deep.equal(before)
    expect(home.server.count('evidence')).to.equal(2)
  })

  it('keeps the credential of what a file held before, beside that of what it holds now', async () => {
    writeFileSync(at('in', 'a'), 'before')
    await notarize('in')
    writeFileSync(at('in', 'a'), 'now')
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 1, known: 0 })
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 0, known: 1 })
    expect(
      credentialFiles()
        .map((name) => read(name).contentHash)
        .sort(),
    ).to.deep.equal([sha256('before'), sha256('now')].sort())
  })

  it('puts a credential aside that the server does not know, and hands the file in', async () => {
    writeFileSync(at('in', 'a'), 'a')
    await notarize('in')
    const { server } = home
    // Another client of the same server: what this one has is not known to it.
    const other = { ...server, url: server.url, apiKey: server.issueKey('another'), folder: server.folder }
    const { stdout, talk } = await runScript(other as never, 'notarize', 'in', '--json')
    expect(JSON.parse(stdout)).to.include({ stored: 1, known: 0 })
    expect(talk).to.contain('put aside: credentials/a.credential.json.unknown')
    expect(existsSync(at('credentials', 'a.credential.json.unknown'))).to.equal(true)
  })

  it('hands the others in where one is refused, and names it', async () => {
    await home.server.end('SIGTERM')
    await home.server.start({ EVIDENCE_MAX_BYTES: '10' })
    writeFileSync(at('in', 'good'), 'good')
    writeFileSync(at('in', 'large'), 'more than ten bytes')
    writeFileSync(at('in', 'a\u202etxt'), 'turned')
    const { exitCode, stored, failed, talk } = await notarize('in')
    expect({ exitCode, stored, failed }).to.deep.equal({ exitCode: 1, stored: 1, failed: 2 })
    expect(talk).to.match(/failed: in\/large: .*\(EVIDENCE_TOO_LARGE\)/)
    expect(talk).to.match(/failed: in\/a\ufffdtxt: .*\(EVIDENCE_METADATA_INVALID\)/u)
    expect(credentialFiles()).to.deep.equal(['good.credential.json'])
  })

  it('gives files with the longest names theirs', async () => {
    const names = [`${'a'.repeat(251)}.txt`, `${'ü'.repeat(125)}.txt`]
    for (const name of names) writeFileSync(at('in', name), name)
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 2 })
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 0, known: 2 })
    expect(
      credentialFiles()
        .map((name) => read(name).metadata.name!)
        .sort(),
    ).to.deep.equal(names)
  })

  it('says that there is nothing in an empty folder', async () => {
    const { exitCode, talk } = await notarize('in')
    expect(exitCode).to.equal(1)
    expect(talk).to.contain('left out: in: an empty folder')
  })

  it('gives up a server that does not answer when out of patience', async () => {
    writeFileSync(at('in', 'a'), 'a')
    await home.server.end('SIGTERM')
    const { exitCode, talk } = await notarize('in', '--patience', '0')
    expect([exitCode, talk.includes('EVIDENCE_SERVER_UNREACHABLE')]).to.deep.equal([1, true])
    expect(talk).to.contain('0 of 1 files are done; run it again to go on.')
  })

  it('carries an expiry into credential and chain', async () => {
    writeFileSync(at('in', 'a'), 'a')
    expect(await notarize('in', '--valid-until', '2100-01-01T00:00:00Z')).to.include({
      exitCode: 0,
      stored: 1,
    })
    expect(read('a.credential.json').validUntil).to.equal('2100-01-01T00:00:00Z')
    // Asked for otherwise it is another credential.
    expect(await notarize('in')).to.include({ exitCode: 0, stored: 1 })
  })

  const FILES = 120
  const writeMany = (): void => {
    for (let i = 0; i < FILES; i++)
      writeFileSync(at('in', `${i}.txt`), `document ${i % 100} ${'x'.repeat(i * 50)}`)
  }
  const expectAll = (): void => {
    const ids = credentialFiles().map((name) => read(name).credentialId)
    expect(ids).to.have.length(FILES)
    expect(new Set(ids).size).to.equal(FILES)
    const rows = home.server.query<{ credential_id: string }>('SELECT credential_id FROM evidence')
    expect(rows.map((row) => row.credential_id).sort()).to.deep.equal(ids.sort())
    for (const name of credentialFiles()) expect(read(name).receipt).not.to.equal(null)
  }

  it('goes on where it was ended, at any moment: nothing twice, nothing left out', async () => {
    writeMany()
    for (let life = 0; life < 6; life++) {
      const { child, ended } = startScript(home.server, 'notarize', ['in'])
      await sleep(500 + Math.random() * 700)
      child.kill('SIGKILL')
      await ended
    }
    expect(await notarize('in')).to.include({ exitCode: 0, failed: 0, pending: 0 })
    expectAll()
  })

  it('waits for a server that is killed and comes again', async () => {
    writeMany()
    const { ended } = startScript(home.server, 'notarize', ['in', '--json'])
    for (let life = 0; life < 4; life++) {
      await sleep(700 + Math.random() * 500)
      await home.server.end('SIGKILL')
      await home.server.start()
    }
    const { code, stdout, talk } = await ended
    expect(code, talk).to.equal(0)
    expect(JSON.parse(stdout)).to.include({ stored: FILES, failed: 0, pending: 0 })
    expectAll()
  })
})
