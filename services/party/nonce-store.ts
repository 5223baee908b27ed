import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { RequestSender } from '../../protocol/signed-request.ts'
import type { GroupCommit } from './group-commit.ts'

export interface NonceStoreOptions {
  db: DatabaseSync
  commits: GroupCommit
  /** Nonces kept at most; default 500,000. When full, requests are refused until some expire. */
  maxNonces?: number
  /** Unix seconds. */
  now?: () => number
}

const DEFAULT_MAX_NONCES = 500_000
const SWEEP_EVERY_S = 10

/**
 * The nonces of signed requests, kept until they expire, also across a crash: no request is served twice.
 * Only requests of authenticated senders come here, so that nobody else can fill it.
 */
export class NonceStore {
  readonly #commits: GroupCommit
  readonly #maxNonces: number
  readonly #now: () => number
  readonly #expiryOf = new Map<string, number>()
  readonly #insert
  readonly #deleteExpired
  #sweptAt: number

  constructor({ db, commits, maxNonces, now }: NonceStoreOptions) {
    this.#commits = commits
    this.#maxNonces = maxNonces ?? DEFAULT_MAX_NONCES
    this.#now = now ?? (() => Math.floor(Date.now() / 1000))
    // No unique index: the map below refuses repetitions, and an index of random keys would dirty a page for each.
    db.exec(
      `CREATE TABLE IF NOT EXISTS request_nonces (
         sender TEXT NOT NULL, nonce TEXT NOT NULL, expires_at INTEGER NOT NULL
       ) STRICT;
       CREATE INDEX IF NOT EXISTS request_nonces_by_expiry ON request_nonces (expires_at)`,
    )
    this.#insert = db.prepare('INSERT INTO request_nonces (sender, nonce, expires_at) VALUES (?, ?, ?)')
    this.#deleteExpired = db.prepare('DELETE FROM request_nonces WHERE expires_at < ?')
    this.#sweptAt = this.#now()
    for (const row of db
      .prepare('SELECT sender, nonce, expires_at FROM request_nonces WHERE expires_at >= ?')
      .iterate(this.#sweptAt))
      this.#expiryOf.set(nameOf(String(row.sender), row.nonce as Bytes32), Number(row.expires_at))
  }

  get size(): number {
    return this.#expiryOf.size
  }

  /**
   * Takes a nonce, at once for this process; the promise resolves when it is on disk: await it before the reply.
   * @throws REQUEST_REPLAYED, NOT_READY when full
   */
  take({ sender, nonce, expiresAt }: RequestSender): Promise<void> {
    this.#sweep()
    const name = nameOf(sender, nonce)
    if (this.#expiryOf.has(name))
      throw new CountersignError('REQUEST_REPLAYED', `nonce ${nonce} of ${sender} was used before`)
    if (this.#expiryOf.size >= this.#maxNonces)
      throw new CountersignError('NOT_READY', `${this.#expiryOf.size} nonces are kept, more is not possible`)
    this.#expiryOf.set(name, expiresAt)
    return this.#commits.write(() => {
      this.#insert.run(sender, nonce, expiresAt)
    })
  }

  #sweep(): void {
    const now = this.#now()
    if (now - this.#sweptAt < SWEEP_EVERY_S) return
    this.#sweptAt = now
    for (const [name, expiresAt] of this.#expiryOf) if (expiresAt < now) this.#expiryOf.delete(name)
    this.#commits.write(() => this.#deleteExpired.run(now)).catch(() => {})
  }
}

const nameOf = (sender: string, nonce: Bytes32): string => `${sender}:${nonce}`
