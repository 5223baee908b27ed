import type { DatabaseSync } from 'node:sqlite'
import { type Bytes32, bytesToHex } from '../../../protocol/hex.ts'
import type { PaymentOnChain } from '../../../protocol/payments/payment-entry.ts'

const PAYMENT = 'p.order_key AS orderKey, p.version, p.digest, p.payload'
// CROSS JOIN keeps SQLite to this order: everybody may ask, and no question may cost a scan of all payments.
/** By root and states, the latter as a JSON list. */
export const PAYMENTS_UNDER_ROOT = `SELECT ${PAYMENT}
  FROM outbox_submissions AS s CROSS JOIN outbox_entries AS e CROSS JOIN payments AS p
  WHERE s.root = ? AND s.state IN (SELECT value FROM json_each(?)) AND e.submission_id = s.id AND p.entry_key = e.entry_key
  ORDER BY e.id`
/** By root. */
export const PAYMENTS_UNDER_SUPERSEDED_ROOT = `SELECT ${PAYMENT}
  FROM outbox_superseded_entries AS old CROSS JOIN outbox_entries AS e CROSS JOIN payments AS p
  WHERE old.submission_id = (SELECT min(id) FROM outbox_submissions WHERE root = ? AND state = 'superseded')
    AND e.id = old.entry_id AND p.entry_key = e.entry_key
  ORDER BY old.entry_id`

/** Which payments are under which anchored root. */
export class AnchorStore {
  readonly #states: string
  readonly #paymentsUnder
  readonly #paymentsUnderSuperseded

  /**
   * The tables of the outbox have to be there.
   * @param more states of submissions whose roots count beside those that are on chain
   */
  constructor(db: DatabaseSync, more: readonly 'open'[] = []) {
    this.#states = JSON.stringify(['mined', 'final', ...more])
    this.#paymentsUnder = db.prepare(PAYMENTS_UNDER_ROOT)
    this.#paymentsUnderSuperseded = db.prepare(PAYMENTS_UNDER_SUPERSEDED_ROOT)
  }

  /**
   * In the order of the leaves; none for a root that this office has not anchored. A root that was given up counts: what its transaction
   * did may show later.
   */
  paymentsUnder(root: Bytes32): PaymentOnChain[] {
    const rows = this.#paymentsUnder.all(root, this.#states)
    return (rows.length > 0 ? rows : this.#paymentsUnderSuperseded.all(root)).map(
      ({ orderKey, version, digest, payload }) => ({
        orderKey: bytesToHex(orderKey as Uint8Array),
        version: Number(version),
        digest: bytesToHex(digest as Uint8Array),
        payload: bytesToHex(payload as Uint8Array),
      }),
    )
  }
}
