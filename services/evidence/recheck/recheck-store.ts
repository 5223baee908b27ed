import type { DatabaseSync } from 'node:sqlite'
import type { Serial } from '../../../protocol/serial.ts'

/** One pass over everything that is kept. */
export interface RecheckRound {
  /** From 1. */
  id: number
  /** Unix milliseconds. */
  startedAt: number
  /** Null while it is under way. */
  finishedAt: number | null
  /** Read again so far, and bytes of them. */
  documents: number
  bytes: number
  /** Of these, tampered with or missing. */
  failed: number
  /** Could not be read, so that nothing is known of them. */
  unreadable: number
}

const COLUMNS = `id, started_at AS startedAt, finished_at AS finishedAt, documents, bytes, failed, unreadable`
/** Rounds that are remembered. */
const MAX_ROUNDS = 100

/** Rounds of rechecks, and what is left to do of the one under way. Nothing here opens a transaction: the callers do. */
export class RecheckStore {
  readonly #latest
  readonly #begin
  readonly #forget
  readonly #finish
  readonly #count
  readonly #mark
  readonly #due
  readonly #failing

  constructor(db: DatabaseSync) {
    this.#latest = db.prepare(`SELECT ${COLUMNS} FROM recheck_rounds ORDER BY id DESC LIMIT 1`)
    this.#begin = db.prepare(`INSERT INTO recheck_rounds (started_at) VALUES (?) RETURNING ${COLUMNS}`)
    this.#forget = db.prepare('DELETE FROM recheck_rounds WHERE id <= ?')
    this.#finish = db.prepare('UPDATE recheck_rounds SET finished_at = ? WHERE id = ?')
    this.#count = db.prepare(
      `UPDATE recheck_rounds SET documents = documents + ?, bytes = bytes + ?, failed = failed + ?, unreadable = unreadable + ?
       WHERE id = ?`,
    )
    this.#mark = db.prepare('UPDATE evidence SET checked_round = ? WHERE credential_id = ?')
    this.#due = db.prepare(
      `SELECT credential_id AS credentialId FROM evidence
       WHERE state = 'kept' AND checked_round < ? ORDER BY checked_round, id LIMIT ?`,
    )
    this.#failing = db.prepare(
      `SELECT count(*) FILTER (WHERE last_verdict <> 'unreadable') AS failing,
       count(*) FILTER (WHERE last_verdict = 'unreadable') AS unreadable FROM evidence
       WHERE client = ? AND state = 'kept' AND last_verdict IN ('tampered', 'missing', 'unreadable')`,
    )
  }

  latest(): RecheckRound | undefined {
    return this.#latest.get() as unknown as RecheckRound | undefined
  }

  begin(now: number): RecheckRound {
    const round = this.#begin.get(now) as unknown as RecheckRound
    this.#forget.run(round.id - MAX_ROUNDS)
    return round
  }

  finish({ id }: RecheckRound, now: number): void {
    this.#finish.run(now, id)
  }

  /** What was kept when the round began and is not done yet, in the order in which it came. */
  due({ id }: RecheckRound, limit: number): Serial[] {
    return this.#due.all(id, limit).map(({ credentialId }) => credentialId as Serial)
  }

  /** One was read in this round. @param bytes of its content */
  checked({ id }: RecheckRound, credentialId: Serial, bytes: number, isFailure: boolean): void {
    this.#mark.run(id, credentialId)
    this.#count.run(1, bytes, isFailure ? 1 : 0, 0, id)
  }

  /** One could not be read, and is left for the next round. */
  skipped({ id }: RecheckRound, credentialId: Serial): void {
    this.#mark.run(id, credentialId)
    this.#count.run(0, 0, 0, 1, id)
  }

  /** How many of a client's failed when they were last read, and how many could not be read. */
  failing(client: number): { failing: number; unreadable: number } {
    return this.#failing.get(client) as { failing: number; unreadable: number }
  }
}
