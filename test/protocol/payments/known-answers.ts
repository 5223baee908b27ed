import { bytesToHex, hexToBytes, keccak256Hex } from '../../../protocol/hex.ts'
import { formatLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { NO_PREVIOUS_DIGEST } from '../../../protocol/payments/payment-digest.ts'
import { paymentEntryDigest, paymentKey } from '../../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../../protocol/payments/payment-place.ts'
import { packPayments } from '../../../protocol/payments/payment-publication.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { paymentSalt, sealPayment } from '../../../protocol/payments/payment-seal.ts'
import { encodeVoucher } from '../../../protocol/payments/payment-voucher.ts'
import { writePublicPayment } from '../../../protocol/payments/public-payment.ts'

/** One known answer, as `payment-vectors.json` has it. */
export interface KnownInput {
  name: string
  place: PaymentPlace
  record: PaymentRecord
  previousDigest: `0x${string}`
  /** 16 bytes; null for a public record. */
  code: `0x${string}` | null
}

/** Everything that follows from an input, computed. Imports nothing of Node, so that it is held against the same file in a browser's build. */
export function knownAnswer({ name, place, record, previousDigest, code }: KnownInput) {
  const key = code === null ? null : hexToBytes(code)
  const { digest, payload } =
    key === null
      ? writePublicPayment(record, place, previousDigest)
      : sealPayment(record, key, place, previousDigest)
  const orderKey = orderKeyOf(record.orderId)
  const salt = key === null ? NO_PREVIOUS_DIGEST : paymentSalt(key, place, record)
  return {
    ...{ name, place, record, previousDigest, code },
    lookupCode: key === null ? null : formatLookupCode(key),
    orderKey,
    paymentKey: paymentKey(orderKey, record.version),
    salt,
    digest,
    payload,
    payloadBytes: hexToBytes(payload).length,
    entryDigest: paymentEntryDigest(digest, payload),
    packed: packPayments([{ orderKey, version: record.version, digest, payload }]),
    voucher: encodeVoucher({
      ...{ place, record, previousDigest },
      seal: key === null ? null : { salt, payloadHash: keccak256Hex(hexToBytes(payload)) },
      ...{
        tier: 'recorded',
        blockNumber: 21_000_000,
        transactionHash: bytesToHex(new Uint8Array(32).fill(7)),
        logIndex: 5,
      },
    }),
  }
}
