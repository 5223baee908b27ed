import type { DatabaseSync } from 'node:sqlite'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'

// CROSS JOIN keeps SQLite to this order: everybody may ask, and no question may cost a scan of all entries.
const UNDER_ROOT = `SELECT e.entry_key AS key, e.digest FROM outbox_submissions AS s CROSS JOIN outbox_entries AS e
  WHERE s.root = ? AND s.state IN ('mined', 'final') AND e.submission_id = s.id ORDER BY e.id`
const UNDER_SUPERSEDED_ROOT = `SELECT e.entry_key AS key, e.digest
  FROM outbox_superseded_entries AS old CROSS JOIN outbox_entries AS e
  WHERE old.submission_id = (SELECT min(id) FROM outbox_submissions WHERE root = ? AND state = 'superseded')
    AND e.id = old.entry_id ORDER BY old.entry_id`

/** Which leaves are under which anchored root. */
export class AnchorStore {
  readonly #under
  readonly #underSuperseded

  /** The tables of the outbox have to be there. */
  constructor(db: DatabaseSync) {
    this.#under = db.prepare(UNDER_ROOT)
    this.#underSuperseded = db.prepare(UNDER_SUPERSEDED_ROOT)
  }

  /**
   * In the order of the tree; none for a root that this server has not anchored. A root that was given up counts: what its transaction
   * did may show later.
   */
  leavesUnder(root: Bytes32): Entry[] {
    const rows = this.#under.all(root)
    return (rows.length > 0 ? rows : this.#underSuperseded.all(root)) as unknown as Entry[]
  }
}
