import type { DatabaseSync } from 'node:sqlite'
import { type Bytes32, bytesToHex } from '../../../protocol/hex.ts'
import type { PaymentOnChain } from '../../../protocol/payments/payment-entry.ts'

/** Which payments are under which anchored root. */
export class AnchorStore {
  readonly #paymentsUnder

  /** The tables of the outbox have to be there. */
  constructor(db: DatabaseSync) {
    this.#paymentsUnder = db.prepare(
      `SELECT p.order_key AS orderKey, p.version, p.digest, p.payload
       FROM outbox_submissions AS s JOIN outbox_entries AS e ON e.submission_id = s.id
         JOIN payments AS p ON p.entry_key = e.entry_key
       WHERE s.root = ? AND s.state IN ('mined', 'final') ORDER BY e.id`,
    )
  }

  /** In the order of the leaves; none for a root that this office has not anchored. */
  paymentsUnder(root: Bytes32): PaymentOnChain[] {
    return this.#paymentsUnder.all(root).map(({ orderKey, version, digest, payload }) => ({
      orderKey: bytesToHex(orderKey as Uint8Array),
      version: Number(version),
      digest: bytesToHex(digest as Uint8Array),
      payload: bytesToHex(payload as Uint8Array),
    }))
  }
}
