import type { DatabaseSync } from 'node:sqlite'
import type { Serial } from '../../../protocol/serial.ts'

/** How long an `Idempotency-Key` is remembered: a folder of files may take days to hand in. */
export const IDEMPOTENCY_DAYS = 30
const LIFETIME_MS = IDEMPOTENCY_DAYS * 24 * 60 * 60 * 1000

/** One request by a client's own `Idempotency-Key`; both are kept as keyed hashes, since either may say something personal. */
export interface IdempotentRequest {
  client: number
  keyHash: Uint8Array
  requestHash: Uint8Array
}

/** Which credentials were issued under which `Idempotency-Key`. */
export class IdempotencyStore {
  readonly #insert
  readonly #find
  readonly #purge

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)')
    this.#find = db.prepare(
      `SELECT request_hash AS requestHash, credential_id AS credentialId FROM idempotency_keys
       WHERE client = ? AND key_hash = ? AND created_at > ?`,
    )
    this.#purge = db.prepare('DELETE FROM idempotency_keys WHERE created_at <= ?')
  }

  insert({ client, keyHash, requestHash }: IdempotentRequest, credentialId: Serial, now: number): void {
    this.#insert.run(client, keyHash, requestHash, credentialId, now)
  }

  /** What was issued under the client's key, if anything was. */
  find(
    { client, keyHash, requestHash }: IdempotentRequest,
    now: number,
  ): { credentialId: Serial; isSameRequest: boolean } | undefined {
    const row = this.#find.get(client, keyHash, now - LIFETIME_MS)
    return (
      row && {
        credentialId: row.credentialId as Serial,
        isSameRequest: Buffer.from(requestHash).equals(row.requestHash as Uint8Array),
      }
    )
  }

  purge(now: number): void {
    this.#purge.run(now - LIFETIME_MS)
  }
}
