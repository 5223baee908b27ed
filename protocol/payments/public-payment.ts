import type { Bytes32 } from '../hex.ts'
import { payloadMalformed } from './payload-malformed.ts'
import { NO_PREVIOUS_DIGEST, PUBLIC_SALT, paymentDigest } from './payment-digest.ts'
import { checkPrevious } from './payment-order.ts'
import { decodePayload, encodePublicPayload } from './payment-payload.ts'
import type { PaymentPlace } from './payment-place.ts'
import { checkPaymentRecord, type PaymentRecord } from './payment-record.ts'
import type { RecordedPayment, SealedPayment } from './payment-seal.ts'

/** Digest and payload of a record that everybody may read. @throws PAYMENT_INVALID, also for a payer tag */
export function writePublicPayment(
  record: PaymentRecord,
  place: PaymentPlace,
  previousDigest: Bytes32 = NO_PREVIOUS_DIGEST,
): RecordedPayment {
  const { orderId, version, ...content } = checkPaymentRecord(record)
  checkPrevious(version, previousDigest)
  const digest = paymentDigest({ orderId, version, ...content }, { previousDigest, salt: PUBLIC_SALT }, place)
  return { digest, payload: encodePublicPayload(content) }
}

/**
 * Reads a public record and holds it against its digest.
 * @throws PAYMENT_PAYLOAD_MALFORMED when the payload is sealed or malformed, or its digest is another
 */
export function readPublicPayment({
  orderId,
  version,
  previousDigest,
  place,
  digest,
  payload,
}: SealedPayment): PaymentRecord {
  const decoded = decodePayload(payload)
  if (decoded.visibility !== 'public') throw payloadMalformed('is sealed')
  const { visibility: _, ...content } = decoded
  const record = checkPaymentRecord({ orderId, version, ...content })
  if (paymentDigest(record, { previousDigest, salt: PUBLIC_SALT }, place) !== digest)
    throw payloadMalformed('does not have the digest given')
  return record
}
