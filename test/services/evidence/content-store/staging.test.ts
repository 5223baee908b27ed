import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { CountersignError } from '../../../../protocol/errors.ts'
import { Staging } from '../../../../services/evidence/content-store/staging.ts'
import { expectRejection } from '../../../support/expect-error.ts'

describe('staging of contents', () => {
  let folder: string
  let staging: Staging
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-staging-'))
    staging = await Staging.open(join(folder, 'a', 'b'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  afterEach(() => expect(readdirSync(staging.folder), 'left behind').to.deep.equal([]))

  for (const size of [0, 1, 65_536, 3_000_001])
    it(`writes ${size} bytes to a file and says their hash and number`, async () => {
      const bytes = Buffer.alloc(size, 'evidence ')
      const staged = await staging.receive(Readable.from([bytes]), {
        maxBytes: 3_000_001,
        expectedBytes: size,
      })
      expect(staged.size).to.equal(size)
      expect(staged.contentHash).to.equal(`0x${createHash('sha256').update(bytes).digest('hex')}`)
      expect(readFileSync(staged.path).equals(bytes)).to.equal(true)
      await staged.discard()
      await staged.discard()
    })

  it('refuses the first byte too many, and stops the sender', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(1_000))
      },
    })
    const error = await expectRejection(staging.receive(endless, { maxBytes: 9_999 }), 'EVIDENCE_TOO_LARGE')
    expect(error.httpStatus).to.equal(413)
    expect(endless.destroyed).to.equal(true)
  })

  it('keeps nothing of a stream that breaks off', async () => {
    const broken = new Readable({
      read() {
        this.push(Buffer.alloc(1_000))
        this.destroy(new Error('connection reset'))
      },
    })
    await expectRejection(staging.receive(broken, { maxBytes: 9_999 }), 'EVIDENCE_INCOMPLETE')
  })

  it('keeps nothing of a stream that is shorter or longer than announced', async () => {
    for (const expectedBytes of [4, 6])
      await expectRejection(
        staging.receive(Readable.from([Buffer.from('12345')]), { maxBytes: 9, expectedBytes }),
        'EVIDENCE_INCOMPLETE',
      )
  })

  it("hands on the sender's own refusal", async () => {
    const refusing = new Readable({
      read() {
        this.destroy(new CountersignError('EVIDENCE_TOO_LARGE', 'cut'))
      },
    })
    await expectRejection(staging.receive(refusing, { maxBytes: 9 }), 'EVIDENCE_TOO_LARGE')
  })

  it('sweeps away what an earlier process left, and nothing else', async () => {
    const others = ['a letter.txt', 'photographs']
    writeFileSync(join(staging.folder, randomUUID()), 'half a document')
    writeFileSync(join(staging.folder, others[0]!), 'mine')
    mkdirSync(join(staging.folder, others[1]!))
    writeFileSync(join(staging.folder, others[1]!, randomUUID()), 'mine')
    symlinkSync(others[0]!, join(staging.folder, randomUUID()))
    expect(await staging.sweep()).to.equal(1)
    expect(await staging.sweep()).to.equal(0)
    expect(readdirSync(staging.folder)).to.include.members(others).and.have.lengthOf(3)
    // A link whose target is gone is none that `rmSync` would find.
    for (const entry of readdirSync(staging.folder, { withFileTypes: true }))
      if (entry.isDirectory()) rmSync(join(staging.folder, entry.name), { recursive: true })
      else unlinkSync(join(staging.folder, entry.name))
  })

  it('says that the disk is full, and keeps nothing', function () {
    this.timeout(60_000)
    if (spawnSync('unshare', ['-rm', 'true']).status !== 0) this.skip()
    // A file system of one MiB that is seen by this one process.
    const program = join(import.meta.dirname, 'fill-disk.ts')
    const mount = join(folder, 'small')
    const line = `mkdir -p ${mount} && mount -t tmpfs -o size=1m none ${mount} && exec "$0" ${program} ${mount}`
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', line, process.execPath], { encoding: 'utf8' })
    expect(JSON.parse(output)).to.deep.equal({
      staging: 'EVIDENCE_STORE_FULL',
      store: 'EVIDENCE_STORE_FULL',
      left: [],
      identity: true,
    })
  })
})
