import type { DatabaseSync } from 'node:sqlite'

const LIFETIME_MS = 24 * 60 * 60 * 1000

/** One request by the caller's own `Idempotency-Key`; both are kept as keyed hashes, since either may say something personal. */
export interface IdempotentRequest {
  apiKey: string
  keyHash: Uint8Array
  requestHash: Uint8Array
}

/** Which requests were done under which `Idempotency-Key`. What they did is found again by the payment itself. */
export class IdempotencyStore {
  readonly #insert
  readonly #find
  readonly #purge

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?)')
    this.#find = db.prepare(
      'SELECT request_hash FROM idempotency_keys WHERE api_key = ? AND key_hash = ? AND created_at > ?',
    )
    this.#purge = db.prepare('DELETE FROM idempotency_keys WHERE created_at <= ?')
  }

  insert({ apiKey, keyHash, requestHash }: IdempotentRequest, now: number): void {
    this.#insert.run(apiKey, keyHash, requestHash, now)
  }

  /** Whether the key was used for another request within 24 hours. */
  isTaken({ apiKey, keyHash, requestHash }: IdempotentRequest, now: number): boolean {
    const row = this.#find.get(apiKey, keyHash, now - LIFETIME_MS)
    return row !== undefined && !Buffer.from(requestHash).equals(row.request_hash as Uint8Array)
  }

  /** Forgets what is older than a day. */
  purge(now: number): void {
    this.#purge.run(now - LIFETIME_MS)
  }
}
