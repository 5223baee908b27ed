import { CountersignError } from '../../protocol/errors.ts'
import { type Bytes32, bytesToHex, keccak256, utf8ToBytes } from '../../protocol/hex.ts'
import { paymentInvalid } from '../../protocol/payments/payment-invalid.ts'
import { checkPaymentRecord, type PaymentRecord } from '../../protocol/payments/payment-record.ts'
import type { Visibility } from './store/payment-store.ts'

/** A payment that was handed in, checked. */
export interface PaymentInput {
  record: PaymentRecord
  visibility: Visibility
  /** Whether it names the version that it follows. */
  isAmendment: boolean
  orderKey: Uint8Array
  /** The same as `0x…`. */
  orderKeyHex: Bytes32
}

/**
 * Checks a payment as it is handed in: the members of a record but `version`; for an amendment `follows`, the version that it comes
 * after; and `visibility`, sealed unless it says public.
 * @throws PAYMENT_INVALID naming member and reason, never its content
 */
export function readPaymentInput(value: unknown): PaymentInput {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw paymentInvalid('record', 'is not an object')
  const { follows, visibility = 'sealed', ...members } = value as Record<string, unknown>
  if (visibility !== 'sealed' && visibility !== 'public')
    throw paymentInvalid('visibility', 'is neither sealed nor public')
  if (follows !== undefined && !(Number.isSafeInteger(follows) && (follows as number) >= 1))
    throw paymentInvalid('follows', 'is not the number of a version, from 1')
  if (Object.hasOwn(members, 'version'))
    throw paymentInvalid('version', 'is given by the office; an amendment says which version it follows')
  const record = checkPaymentRecord({ ...members, version: follows === undefined ? 1 : Number(follows) + 1 })
  if (visibility === 'public' && record.payerTag !== undefined)
    throw paymentInvalid('payerTag', 'is for sealed records only')
  const orderKey = keccak256(utf8ToBytes(record.orderId))
  return {
    record,
    visibility,
    isAmendment: follows !== undefined,
    orderKey,
    orderKeyHex: bytesToHex(orderKey),
  }
}

/** @throws PAYMENT_ORDER_CONFLICT */
export const orderConflict = ({ record, isAmendment }: PaymentInput): CountersignError =>
  new CountersignError(
    'PAYMENT_ORDER_CONFLICT',
    isAmendment
      ? `version ${record.version} of this order has other content`
      : 'this order is recorded with other content',
  )

/** @throws PAYMENT_VERSION_SKIPPED */
export const versionSkipped = ({ record }: PaymentInput, latest: number): CountersignError =>
  new CountersignError(
    'PAYMENT_VERSION_SKIPPED',
    latest === 0
      ? 'this office has no such order to amend'
      : `the latest version of this order is ${latest}, so version ${record.version} cannot be the next`,
  )

/** A correction says what was paid; of an order that gave back only, it would make a payment of a refund. */
export const correctionOfRefund = (): CountersignError =>
  paymentInvalid(
    'kind',
    'is a correction, and this order has no payment: reverse it and hand in a new refund',
  )
