import { canonicalJson } from '../canonical-json.ts'
import { type Bytes32, ZERO_BYTES32 } from '../hex.ts'
import { registrySeparator } from '../registry-domain.ts'
import { compileTypes, typedDataDigest } from '../typed-data.ts'
import { orderKeyOf } from './order-id.ts'
import type { PaymentPlace } from './payment-place.ts'
import type { PaymentRecord } from './payment-record.ts'

/** What version 1 follows. */
export const NO_PREVIOUS_DIGEST: Bytes32 = ZERO_BYTES32
/** The salt of a public record: its content can be read anyway. */
export const PUBLIC_SALT: Bytes32 = ZERO_BYTES32

/** The members of the EIP-712 struct `Payment`, in order. */
export const PAYMENT_FIELDS = [
  { name: 'orderKey', type: 'bytes32' },
  { name: 'office', type: 'address' },
  { name: 'version', type: 'uint32' },
  { name: 'kind', type: 'string' },
  { name: 'category', type: 'string' },
  { name: 'period', type: 'string' },
  { name: 'amountMinor', type: 'int256' },
  { name: 'currency', type: 'string' },
  { name: 'paidAt', type: 'string' },
  { name: 'authority', type: 'string' },
  { name: 'payerTag', type: 'string' },
  { name: 'fields', type: 'string' },
  { name: 'previousDigest', type: 'bytes32' },
  { name: 'salt', type: 'bytes32' },
] as const

const PAYMENT = compileTypes({ Payment: PAYMENT_FIELDS })

export interface PaymentDigestInput {
  /** Digest of the version before; zero for version 1. */
  previousDigest: Bytes32
  /** 32 bytes; zero for a public record. */
  salt: Bytes32
}

/**
 * The digest of a record's content: the EIP-712 hash of `Payment(…)` in the registry's domain. Bound to one chain, registry, office,
 * order and version, and by `previousDigest` to all versions before. `fields` is hashed as canonical JSON, "" when there are none.
 * The record is taken as it is: check it first.
 */
export const paymentDigest = (
  record: PaymentRecord,
  { previousDigest, salt }: PaymentDigestInput,
  { chainId, registry, office }: PaymentPlace,
): Bytes32 =>
  typedDataDigest(
    registrySeparator({ chainId, registry }),
    PAYMENT.hashStruct('Payment', {
      orderKey: orderKeyOf(record.orderId),
      office,
      version: record.version,
      kind: record.kind,
      category: record.category,
      period: record.period,
      amountMinor: record.amountMinor,
      currency: record.currency,
      paidAt: record.paidAt,
      authority: record.authority,
      payerTag: record.payerTag ?? '',
      fields: fieldsText(record.fields),
      previousDigest,
      salt,
    }),
  )

/** Free fields as they are hashed and carried: canonical JSON, "" when there are none. @throws JSON_NOT_CANONICALISABLE */
export const fieldsText = (fields: PaymentRecord['fields']): string =>
  fields === undefined ? '' : canonicalJson(fields)
