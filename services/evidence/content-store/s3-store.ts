import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type Readable, Transform } from 'node:stream'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { ContentStore, HashOptions } from './content-store.ts'
import { contentStream } from './content-stream.ts'
import { type HashedContent, hashOf } from './hash-of.ts'
import { IDENTITY_NAME, IDENTITY_PATTERN, objectPath } from './object-path.ts'
import { S3Client, type S3Options } from './s3-client.ts'
import type { StagedContent } from './staging.ts'

/** What S3 takes in one request. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3

/** Contents as objects of a bucket of any S3-compatible store: `<prefix>objects/<2 hex>/<62 hex>`. */
export class S3Store implements ContentStore {
  readonly #client: S3Client

  private constructor(client: S3Client) {
    this.#client = client
  }

  /** The bucket has to be there. @throws EVIDENCE_STORE_UNAVAILABLE */
  static async open(options: S3Options): Promise<S3Store> {
    const store = new S3Store(new S3Client(options))
    try {
      await store.#giveIdentity()
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async put(staged: StagedContent): Promise<void> {
    if (staged.size > MAX_OBJECT_BYTES)
      throw new CountersignError('EVIDENCE_TOO_LARGE', `an object has ${MAX_OBJECT_BYTES} bytes at most`)
    const answer = await this.#client.send({
      method: 'PUT',
      key: objectPath(staged.contentHash),
      headers: {
        'content-length': String(staged.size),
        // Signed with the rest: a store that checks it takes no other bytes.
        'x-amz-content-sha256': staged.contentHash.slice(2),
      },
      body: (onProgress) => fileBody(staged.path, onProgress),
    })
    await answer?.body.dump()
    const found = await this.hash(staged.contentHash)
    if (found?.contentHash !== staged.contentHash || found.size !== staged.size)
      throw new CountersignError(
        'EVIDENCE_STORE_UNAVAILABLE',
        'the object store gave other bytes than it was given',
      )
  }

  async open(contentHash: Bytes32, signal?: AbortSignal): Promise<Readable | undefined> {
    const answer = await this.#client.send({
      method: 'GET',
      key: objectPath(contentHash),
      ...(signal !== undefined && { signal }),
    })
    if (answer === undefined) {
      await this.identity()
      return undefined
    }
    const chunks = answer.body[Symbol.asyncIterator]()
    // A body that is left before its end ends with an error, which nobody listens to before the first chunk.
    answer.body.on('error', () => {})
    return contentStream(
      {
        read: async () => {
          const { value, done } = await chunks.next()
          return done ? null : (value as Buffer)
        },
        close: async () => answer.body.destroy(),
      },
      signal,
    )
  }

  async hash(contentHash: Bytes32, { signal, pace }: HashOptions = {}): Promise<HashedContent | undefined> {
    const stored = await this.open(contentHash, signal)
    return stored && hashOf(stored, pace)
  }

  async remove(contentHash: Bytes32): Promise<boolean> {
    const stored = await this.open(contentHash)
    if (stored === undefined) return false
    stored.destroy()
    const answer = await this.#client.send({ method: 'DELETE', key: objectPath(contentHash) })
    await answer?.body.dump()
    if (
      answer?.headers['x-amz-delete-marker'] !== undefined ||
      answer?.headers['x-amz-version-id'] !== undefined
    )
      throw new CountersignError(
        'EVIDENCE_STORE_UNAVAILABLE',
        'the bucket keeps versions: what was removed is still there',
        { action: 'Have the bucket keep no versions, delete those it has, then erase again.' },
      )
    const left = await this.open(contentHash)
    left?.destroy()
    if (left !== undefined)
      throw new CountersignError('EVIDENCE_STORE_UNAVAILABLE', 'the object store still gives what it removed')
    return true
  }

  async identity(): Promise<string> {
    const id = await this.#readIdentity()
    if (id === undefined)
      throw new CountersignError('EVIDENCE_STORE_UNAVAILABLE', 'the content store has no identity')
    return id
  }

  describe(): string {
    return this.#client.describe()
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #readIdentity(): Promise<string | undefined> {
    const answer = await this.#client.send({ method: 'GET', key: IDENTITY_NAME })
    const id = await answer?.body.text()
    return id !== undefined && IDENTITY_PATTERN.test(id) ? id : undefined
  }

  async #giveIdentity(): Promise<void> {
    if ((await this.#readIdentity()) !== undefined) return
    const id = Buffer.from(randomUUID())
    const answer = await this.#client.send({
      method: 'PUT',
      key: IDENTITY_NAME,
      headers: {
        'content-length': String(id.length),
        'x-amz-content-sha256': createHash('sha256').update(id).digest('hex'),
      },
      body: () => id,
    })
    await answer?.body.dump()
    await this.identity()
  }
}

/** A file's bytes, telling of each chunk that the connection takes. */
function fileBody(path: string, onProgress: () => void): Readable {
  const telling = new Transform({
    transform(chunk, _encoding, done) {
      onProgress()
      done(null, chunk)
    },
  })
  const file = createReadStream(path, { highWaterMark: 256 * 1024 })
  file.on('error', (error) => telling.destroy(error))
  telling.on('close', () => file.destroy())
  return file.pipe(telling)
}
