import type { DatabaseSync } from 'node:sqlite'
import { ulid } from 'ulid'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { CheckOutcome } from '../store/evidence-store.ts'

/** What a client is told without having asked: that evidence of its failed a check, or that what failed is whole again. */
export interface Notice {
  noticeId: string
  credentialId: Serial
  verdict: CheckOutcome
  /** Unix milliseconds. */
  foundAt: number
}

/** Milliseconds for which notices are kept: a year. */
const KEPT_MS = 366 * 24 * 60 * 60 * 1000
/** For each that comes at most so many go: what is too old grows fewer, and nobody waits for it. */
const FORGOTTEN_AT_A_TIME = 2

/** Notices by client, in the order in which they were found. Nothing here opens a transaction: the callers do. */
export class NoticeStore {
  readonly #insert
  readonly #forget
  readonly #place
  readonly #after

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(
      'INSERT INTO notices (notice_id, client, credential_id, verdict, found_at) VALUES (?, ?, ?, ?, ?)',
    )
    this.#forget = db.prepare(
      'DELETE FROM notices WHERE found_at < ? AND id IN (SELECT id FROM notices ORDER BY id LIMIT ?)',
    )
    this.#place = db.prepare('SELECT id FROM notices WHERE notice_id = ? AND client = ?')
    this.#after = db.prepare(
      `SELECT notice_id AS noticeId, credential_id AS credentialId, verdict, found_at AS foundAt
       FROM notices WHERE client = ? AND id > ? ORDER BY id LIMIT ?`,
    )
  }

  /** Returns its number among all. Those of more than a year ago are forgotten, with what was not delivered of them. */
  insert(client: number, { credentialId, verdict, foundAt }: Omit<Notice, 'noticeId'>): number {
    this.#forget.run(foundAt - KEPT_MS, FORGOTTEN_AT_A_TIME)
    const { lastInsertRowid } = this.#insert.run(ulid(), client, credentialId, verdict, foundAt)
    return Number(lastInsertRowid)
  }

  /** A client's, oldest first, after the one named. @throws CURSOR_INVALID when the client has no such notice */
  page(client: number, afterNotice: string | undefined, limit: number): Notice[] {
    const place = afterNotice === undefined ? 0 : this.#place.get(afterNotice, client)?.id
    if (place === undefined)
      throw new CountersignError('CURSOR_INVALID', 'the cursor is not one of these notices')
    return this.#after.all(client, place as number, limit) as unknown as Notice[]
  }
}
