import { createHash } from 'node:crypto'
import { canonicalJson } from '../../protocol/canonical-json.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { IdempotencyStore, IdempotentRequest } from './store/idempotency-store.ts'

export interface RepeatableRequest {
  /** Id of the API key. */
  caller: string
  /** The `Idempotency-Key` header; undefined when the request may be done twice. */
  key: string | undefined
  route: string
  body: unknown
}

const KEY = /^[\x20-\x7e]{1,255}$/

/**
 * Makes a request with an `Idempotency-Key` happen once: a repetition within 24 hours is answered with what the first made. What it made
 * is written together with the key, so a crash leaves both or neither, and a request that a crash ended is free to be sent again.
 */
export class Idempotency {
  readonly #store: IdempotencyStore
  readonly #now: () => number
  readonly #running = new Set<string>()

  constructor(store: IdempotencyStore, now: () => number = Date.now) {
    this.#store = store
    this.#now = now
  }

  /**
   * Runs `make` unless the request was done before, and returns the resource it made then or now.
   * @param make gets what it has to store with the resource
   * @throws IDEMPOTENCY_KEY_MALFORMED, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_KEY_BUSY
   */
  async once(
    { caller, key, route, body }: RepeatableRequest,
    make: (idempotent: IdempotentRequest | undefined) => Promise<string>,
  ): Promise<{ resource: string; isRepeated: boolean }> {
    if (key === undefined) return { resource: await make(undefined), isRepeated: false }
    if (!KEY.test(key))
      throw new CountersignError(
        'IDEMPOTENCY_KEY_MALFORMED',
        'the Idempotency-Key is not 1 to 255 printable ASCII characters',
      )
    const request = {
      apiKey: caller,
      keyHash: sha256(key),
      requestHash: sha256(`${route}\n${canonicalJson(body)}`),
    }
    const done = this.#findDone(request)
    if (done !== undefined) return { resource: done, isRepeated: true }
    const name = `${caller}:${request.keyHash.toString('hex')}`
    if (this.#running.has(name))
      throw new CountersignError('IDEMPOTENCY_KEY_BUSY', 'the first request with this key is still running')
    this.#running.add(name)
    try {
      return { resource: await make(request), isRepeated: false }
    } finally {
      this.#running.delete(name)
    }
  }

  #findDone(request: IdempotentRequest): string | undefined {
    const done = this.#store.find(request, this.#now())
    if (done === undefined) return undefined
    if (!request.requestHash.equals(done.requestHash))
      throw new CountersignError(
        'IDEMPOTENCY_KEY_REUSED',
        'another request was sent with this key within 24 hours',
      )
    return done.resource
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
