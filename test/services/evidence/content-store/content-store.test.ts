import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { type Bytes32, ZERO_BYTES32 } from '../../../../protocol/hex.ts'
import type { ContentStore } from '../../../../services/evidence/content-store/content-store.ts'
import { hashOf } from '../../../../services/evidence/content-store/hash-of.ts'
import { type StagedContent, Staging } from '../../../../services/evidence/content-store/staging.ts'
import { expectRejection } from '../../../support/expect-error.ts'
import { CONTENT_STORES, type StoreUnderTest } from './content-stores.ts'

for (const [kind, make] of Object.entries(CONTENT_STORES))
  describe(`content store: ${kind}`, () => {
    let place: StoreUnderTest
    let store: ContentStore
    let staging: Staging
    before(async () => {
      place = await make()
      store = place.store
      staging = await Staging.open(join(place.folder, 'staging'))
    })
    after(async () => {
      await store.close()
      await place.drop()
    })

    const stage = (...bytes: Buffer[]): Promise<StagedContent> =>
      staging.receive(Readable.from(bytes), { maxBytes: 1e9 })
    const put = async (...bytes: Buffer[]): Promise<StagedContent> => {
      const staged = await stage(...bytes)
      await store.put(staged)
      await staged.discard()
      return staged
    }
    const read = async (contentHash: Bytes32): Promise<Buffer | undefined> => {
      const stream = await store.open(contentHash)
      return stream && Buffer.concat(await stream.toArray())
    }

    for (const size of [0, 1, 255, 65_536, 5_000_000])
      it(`gives ${size} bytes back as they came`, async () => {
        const bytes = Buffer.alloc(size, `${size} bytes `)
        const { contentHash } = await put(bytes)
        expect((await read(contentHash))!.equals(bytes)).to.equal(true)
        expect(await hashOf((await store.open(contentHash))!)).to.deep.equal({ contentHash, size })
        expect(await store.hash(contentHash)).to.deep.equal({ contentHash, size })
      })

    it('keeps the bytes in one place of a fixed name', async () => {
      const { contentHash } = await put(Buffer.from('where it lies'))
      expect(readFileSync(place.fileOf(contentHash), 'utf8')).to.equal('where it lies')
    })

    it('takes the same content twice', async () => {
      const { contentHash } = await put(Buffer.from('twice'))
      await put(Buffer.from('twice'))
      expect(String(await read(contentHash))).to.equal('twice')
    })

    it('takes many at once', async () => {
      // The S3 server of the tests gives out half of an object that is written again; real ones do not.
      const distinct = kind === 'S3' ? 40 : 30
      const staged = await Promise.all(
        Array.from({ length: 40 }, (_, i) => put(Buffer.from(`one of ${i % distinct}`))),
      )
      for (const [i, { contentHash }] of staged.entries())
        expect(String(await read(contentHash))).to.equal(`one of ${i % distinct}`)
    })

    it('shows a bit that was changed where it lies, and is whole again once the content is put again', async () => {
      const bytes = Buffer.alloc(300_000, 'a page ')
      const { contentHash } = await put(bytes)
      const altered = Buffer.from(bytes)
      altered[150_000]! ^= 1
      writeFileSync(place.fileOf(contentHash), altered)
      expect((await store.hash(contentHash))!.contentHash).not.to.equal(contentHash)
      await put(bytes)
      expect((await store.hash(contentHash))!.contentHash).to.equal(contentHash)
    })

    it('shows bytes that were cut off or added', async () => {
      const { contentHash } = await put(Buffer.from('0123456789'))
      truncateSync(place.fileOf(contentHash), 5)
      expect(String(await read(contentHash))).to.equal('01234')
      appendFileSync(place.fileOf(contentHash), '56789!')
      expect(String(await read(contentHash))).to.equal('0123456789!')
    })

    it('says that a content is not there', async () => {
      expect(await store.open(ZERO_BYTES32)).to.equal(undefined)
      const { contentHash } = await put(Buffer.from('soon gone'))
      rmSync(place.fileOf(contentHash))
      expect(await store.open(contentHash)).to.equal(undefined)
      expect(await store.hash(contentHash)).to.equal(undefined)
    })

    it('removes a content, and says whether it was there', async () => {
      const { contentHash } = await put(Buffer.from('to be removed'))
      expect(await store.remove(contentHash)).to.equal(true)
      expect(existsSync(place.fileOf(contentHash))).to.equal(false)
      expect(await store.open(contentHash)).to.equal(undefined)
      expect(await store.remove(contentHash)).to.equal(false)
    })

    it('does not take a staged file that was changed since', async () => {
      const staged = await stage(Buffer.from('as received'))
      writeFileSync(staged.path, 'as altered!')
      await expectRejection(store.put(staged), 'EVIDENCE_STORE_UNAVAILABLE')
      await staged.discard()
      const now = await store.open(staged.contentHash)
      if (now !== undefined) expect((await hashOf(now)).contentHash).not.to.equal(staged.contentHash)
    })

    it('fails on a staged file that is gone, and has nothing then', async () => {
      const staged = await stage(Buffer.from('never there'))
      await staged.discard()
      await expectRejection(store.put(staged), 'EVIDENCE_STORE_UNAVAILABLE')
      expect(await store.open(staged.contentHash)).to.equal(undefined)
    })

    it('is called off by a signal while it is read', async () => {
      const { contentHash } = await put(Buffer.alloc(20_000_000))
      const abort = new AbortController()
      const stream = (await store.open(contentHash, abort.signal))!
      let failure: Error | undefined
      try {
        for await (const _ of stream) abort.abort()
      } catch (error) {
        failure = error as Error
      }
      expect(failure?.name).to.equal('AbortError')
      const late = new AbortController()
      const pace = async (): Promise<void> => late.abort()
      const hashing = store.hash(contentHash, { signal: late.signal, pace }).catch((error) => error.name)
      expect(await hashing).to.equal('AbortError')
    })

    it('has one identity for as long as it is there, whatever other it is offered', async () => {
      const id = await store.identity()
      expect(await store.identify(randomUUID())).to.equal(id)
      await store.close()
      store = await place.reopen()
      expect(await store.identity()).to.equal(id)
    })

    it('takes an identity that it cannot read for a failure, and gives itself no other', async () => {
      renameSync(place.identityFile, `${place.identityFile}.away`)
      writeFileSync(place.identityFile, '')
      try {
        await expectRejection(store.identity(), 'EVIDENCE_STORE_UNAVAILABLE')
        await expectRejection(store.identify(randomUUID()), 'EVIDENCE_STORE_UNAVAILABLE')
        expect(readFileSync(place.identityFile, 'utf8')).to.equal('')
      } finally {
        renameSync(`${place.identityFile}.away`, place.identityFile)
      }
    })

    it('does not take contents for missing where the whole store is gone', async () => {
      renameSync(place.identityFile, `${place.identityFile}.away`)
      try {
        await expectRejection(store.open(ZERO_BYTES32), 'EVIDENCE_STORE_UNAVAILABLE')
        await expectRejection(store.hash(ZERO_BYTES32), 'EVIDENCE_STORE_UNAVAILABLE')
        await expectRejection(store.remove(ZERO_BYTES32), 'EVIDENCE_STORE_UNAVAILABLE')
      } finally {
        renameSync(`${place.identityFile}.away`, place.identityFile)
      }
    })

    it('refuses a name that is no hash', async () => {
      for (const name of ['0x../../etc/passwd', '', `0x${'A'.repeat(64)}`, `0x${'0'.repeat(64)}/..`])
        await expectRejection(store.open(name as Bytes32), 'HEX_MALFORMED')
    })

    it('says where it keeps things, without secrets', () => {
      expect(store.describe())
        .to.match(/store|s3:/)
        .and.not.match(/S3RVER/)
    })
  })
