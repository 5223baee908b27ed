import { type Bytes32, bytesToHex } from '../../../protocol/hex.ts'
import {
  type PaymentOnChain,
  paymentEntryDigest,
  paymentKey,
} from '../../../protocol/payments/payment-entry.ts'
import type { StoredPayment } from '../store/payment-store.ts'

type StoredForm = Pick<StoredPayment, 'digest' | 'payload'>

/** More of them than anybody reads; some 300 bytes each. */
const MAX_KEPT = 100_000

/** Versions whose first form on chain is not the one that the office stored: of all others the row says what the chain has. */
export class UnlikeVersions {
  readonly #versions = new Map<Bytes32, { digest: Bytes32; entryDigest: Bytes32 }>()

  /** Keeps the first form of a version. */
  note({ orderKey, version, digest, payload }: PaymentOnChain): void {
    const key = paymentKey(orderKey, version)
    if (this.#versions.size < MAX_KEPT && !this.#versions.has(key))
      this.#versions.set(key, { digest, entryDigest: paymentEntryDigest(digest, payload) })
  }

  /** Of the first form; undefined when it is the stored one. */
  digestOf(orderKey: Bytes32, version: number): Bytes32 | undefined {
    return this.#versions.get(paymentKey(orderKey, version))?.digest
  }

  /** Whether a version that was seen before has the same form again. */
  isFirst(onChain: PaymentOnChain, stored: StoredForm): boolean {
    const { orderKey, version, digest, payload } = onChain
    const first = this.#versions.get(paymentKey(orderKey, version))
    return first === undefined
      ? isStored(onChain, stored)
      : first.entryDigest === paymentEntryDigest(digest, payload)
  }
}

/** Whether the office stored a version as it is on chain. */
export const isStored = ({ digest, payload }: PaymentOnChain, stored: StoredForm): boolean =>
  bytesToHex(stored.digest) === digest && bytesToHex(stored.payload) === payload
