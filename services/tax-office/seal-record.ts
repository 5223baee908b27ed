import { type Bytes32, hexToBytes } from '../../protocol/hex.ts'
import { NO_PREVIOUS_DIGEST } from '../../protocol/payments/payment-digest.ts'
import type { PaymentPlace } from '../../protocol/payments/payment-place.ts'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { type RecordedPayment, sealPayment } from '../../protocol/payments/payment-seal.ts'
import { writePublicPayment } from '../../protocol/payments/public-payment.ts'
import type { OfficeSecrets } from './office-secrets.ts'
import type { Visibility } from './store/payment-store.ts'

export interface RecordToSeal {
  record: PaymentRecord
  visibility: Visibility
  orderKey: Bytes32
  /** Of the order. */
  share: Uint8Array
  /** Of the version before; undefined for version 1. */
  previousDigest: Bytes32 | undefined
}

/** What goes on chain of a record: the same bytes every time, from the record, the office's secret and the order's share. */
export function sealRecord(
  { record, visibility, orderKey, share, previousDigest = NO_PREVIOUS_DIGEST }: RecordToSeal,
  secrets: OfficeSecrets,
  place: PaymentPlace,
): RecordedPayment {
  return visibility === 'public'
    ? writePublicPayment(record, place, previousDigest)
    : sealPayment(record, secrets.lookupCode(orderKey, share), place, previousDigest)
}

/** The payload's bytes. */
export const payloadBytes = ({ payload }: RecordedPayment): Uint8Array => hexToBytes(payload)
