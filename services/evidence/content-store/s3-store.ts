import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type Readable, Transform } from 'node:stream'
import type { Dispatcher } from 'undici'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { ContentStore, HashOptions } from './content-store.ts'
import { contentStream } from './content-stream.ts'
import { type HashedContent, hashOf } from './hash-of.ts'
import { asIdentity, IDENTITY_NAME, objectPath } from './object-path.ts'
import { S3Client, type S3Options } from './s3-client.ts'
import type { StagedContent } from './staging.ts'

/** What S3 takes in one request. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3

/** What a request that was not answered may have left under way: the store has all of its bytes, and works on. */
const LATE_MS = 60 * 60 * 1000

/** Contents as objects of a bucket of any S3-compatible store: `<prefix>objects/<2 hex>/<62 hex>`. */
export class S3Store implements ContentStore {
  readonly lateMs = LATE_MS
  readonly #client: S3Client

  private constructor(client: S3Client) {
    this.#client = client
  }

  /** The bucket has to be there. @throws EVIDENCE_STORE_UNAVAILABLE */
  static async open(options: S3Options): Promise<S3Store> {
    const store = new S3Store(new S3Client(options))
    try {
      await store.#readIdentity()
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
    await answer.body.dump()
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
    if (isAbsent(answer)) {
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
    if (!(await this.#isThere(contentHash))) return false
    const answer = await this.#client.send({ method: 'DELETE', key: objectPath(contentHash) })
    requireNoVersions(answer)
    if (!isAbsent(answer)) await answer.body.dump()
    if (await this.#isThere(contentHash))
      throw new CountersignError('EVIDENCE_STORE_UNAVAILABLE', 'the object store still gives what it removed')
    return true
  }

  async identity(): Promise<string> {
    return asIdentity(await this.#readIdentity())
  }

  async identify(id: string): Promise<string> {
    const known = await this.#readIdentity()
    if (known !== undefined) return asIdentity(known)
    const bytes = Buffer.from(id)
    const answer = await this.#client.send({
      method: 'PUT',
      key: IDENTITY_NAME,
      headers: {
        'content-length': String(bytes.length),
        'x-amz-content-sha256': createHash('sha256').update(bytes).digest('hex'),
      },
      body: () => bytes,
    })
    await answer.body.dump()
    return this.identity()
  }

  describe(): string {
    return this.#client.describe()
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** Whether something is given out. @throws EVIDENCE_STORE_UNAVAILABLE when it is only hidden */
  async #isThere(contentHash: Bytes32): Promise<boolean> {
    const answer = await this.#client.send({ method: 'GET', key: objectPath(contentHash) })
    if (!isAbsent(answer)) {
      answer.body.on('error', () => {}).destroy()
      return true
    }
    requireNoVersions(answer)
    await this.identity()
    return false
  }

  async #readIdentity(): Promise<string | undefined> {
    const answer = await this.#client.send({ method: 'GET', key: IDENTITY_NAME })
    return isAbsent(answer) ? undefined : answer.body.text()
  }
}

const isAbsent = ({ statusCode }: Dispatcher.ResponseData): boolean => statusCode === 404

/** A bucket with versions says of a removed key, too, that it has none, and that a marker hides what was there. */
function requireNoVersions({ headers }: Dispatcher.ResponseData): void {
  if (headers['x-amz-delete-marker'] === undefined && headers['x-amz-version-id'] === undefined) return
  throw new CountersignError(
    'EVIDENCE_STORE_UNAVAILABLE',
    'the bucket keeps versions: what was removed is still there',
    { action: 'Have the bucket keep no versions, delete those it has and their markers, then erase again.' },
  )
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
