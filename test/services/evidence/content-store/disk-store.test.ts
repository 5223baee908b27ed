import { randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { DiskStore } from '../../../../services/evidence/content-store/disk-store.ts'
import { type StagedContent, Staging } from '../../../../services/evidence/content-store/staging.ts'
import { expectRejection } from '../../../support/expect-error.ts'

describe('disk store', () => {
  let folder: string
  let place: string
  let store: DiskStore
  let staging: Staging
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-disk-'))
    place = join(folder, 'store')
    store = await DiskStore.open(place)
    await store.identify(randomUUID())
    staging = await Staging.open(join(folder, 'staging'))
  })
  afterEach(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const stage = (text: string): Promise<StagedContent> =>
    staging.receive(Readable.from([Buffer.from(text)]), { maxBytes: 1e9 })
  const fileOf = ({ contentHash }: StagedContent): string =>
    join(place, 'objects', contentHash.slice(2, 4), contentHash.slice(4))

  it('is open to one at a time, by whatever link it is named', async () => {
    symlinkSync(place, join(folder, 'link'))
    for (const path of [place, join(folder, 'link')])
      await expectRejection(DiskStore.open(path), 'DATABASE_IN_USE')
    await store.close()
    store = await DiskStore.open(place)
  })

  it('removes what an earlier process was copying, and nothing that is not its own', async () => {
    await store.close()
    const incoming = join(place, 'incoming')
    const names = [randomUUID(), 'a letter.txt', 'photographs']
    writeFileSync(join(incoming, names[0]!), 'half a document')
    writeFileSync(join(incoming, names[1]!), 'mine')
    mkdirSync(join(incoming, names[2]!))
    writeFileSync(join(incoming, names[2]!, randomUUID()), 'mine')
    store = await DiskStore.open(place)
    expect(readdirSync(incoming).sort()).to.deep.equal(names.slice(1))
    expect(readdirSync(join(incoming, names[2]!))).to.have.length(1)
  })

  it('makes a folder again that was removed', async () => {
    const first = await stage('the first')
    await store.put(first)
    rmSync(dirname(fileOf(first)), { recursive: true })
    const again = await stage('the first')
    await store.put(again)
    expect(readFileSync(fileOf(again), 'utf8')).to.equal('the first')
  })

  it('puts nothing where the whole store is gone', async () => {
    const staged = await stage('nowhere')
    rmSync(join(place, 'objects'), { recursive: true })
    await expectRejection(store.put(staged), 'EVIDENCE_STORE_UNAVAILABLE')
    expect(existsSync(join(place, 'objects'))).to.equal(false)
  })

  it('leaves no file open that it cannot look at', async function () {
    const descriptors = '/proc/self/fd'
    if (!existsSync(descriptors)) this.skip()
    const staged = await stage('not to be looked at')
    await store.put(staged)
    const handle = await open(import.meta.filename)
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    const { stat } = prototype
    const before = readdirSync(descriptors).length
    prototype.stat = async () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fstat' })
    }
    try {
      for (let i = 0; i < 20; i++)
        await expectRejection(store.hash(staged.contentHash), 'EVIDENCE_STORE_UNAVAILABLE')
    } finally {
      prototype.stat = stat
    }
    expect(readdirSync(descriptors).length).to.be.below(before + 10)
  })
})
