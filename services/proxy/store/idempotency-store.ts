import type { DatabaseSync } from 'node:sqlite'

/** Names one request by the caller's own `Idempotency-Key`. */
export interface IdempotentRequest {
  apiKey: string
  /** SHA-256 of the header: it is the caller's text and could say anything. */
  keyHash: Buffer
  /** SHA-256 of route and body. */
  requestHash: Buffer
}

const IDEMPOTENCY_LIFETIME_MS = 24 * 60 * 60 * 1000

/** Which resource a request with an `Idempotency-Key` made. A row is written together with the resource, so there is one exactly when there is the other. */
export class IdempotencyStore {
  readonly #insert
  readonly #find
  readonly #purge

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)')
    this.#find = database.prepare(
      'SELECT request_hash, resource FROM idempotency_keys WHERE api_key = ? AND key_hash = ? AND created_at > ?',
    )
    this.#purge = database.prepare('DELETE FROM idempotency_keys WHERE created_at <= ?')
  }

  insert({ apiKey, keyHash, requestHash }: IdempotentRequest, resource: string, now: number): void {
    this.#insert.run(apiKey, keyHash, requestHash, resource, now)
  }

  find(
    { apiKey, keyHash }: IdempotentRequest,
    now: number,
  ): { requestHash: Uint8Array; resource: string } | undefined {
    const row = this.#find.get(apiKey, keyHash, now - IDEMPOTENCY_LIFETIME_MS)
    return row && { requestHash: row.request_hash as Uint8Array, resource: row.resource as string }
  }

  /** Forgets what is older than a day. */
  purge(now: number): void {
    this.#purge.run(now - IDEMPOTENCY_LIFETIME_MS)
  }
}
