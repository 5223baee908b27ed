import { canonicalJson, type Json } from '../canonical-json.ts'
import { utf8ToBytes } from '../hex.ts'
import { dayNumberOf, FIRST_YEAR, LAST_YEAR, secondsOf } from './calendar.ts'
import { minorDigitsOf } from './currency.ts'
import { faultOfOrderId } from './order-id.ts'
import { isVersion } from './payment-entry.ts'
import { paymentInvalid } from './payment-invalid.ts'
import { PERIOD_RULE, packPeriod } from './payment-period.ts'
import { faultOfText, hasUnseen, UNSEEN_FAULT } from './plain-text.ts'

/**
 * - `payment`: the first version of an order; `amountMinor` was paid
 * - `correction`: `amountMinor` is what was paid in all, whatever was said before
 * - `reversal`: nothing is paid any more; `amountMinor` is what is taken back
 * - `refund`: `amountMinor` is given back
 */
export const PAYMENT_KINDS = ['payment', 'correction', 'reversal', 'refund'] as const
export type PaymentKind = (typeof PAYMENT_KINDS)[number]

/** What one version of an order says, without which it is. */
export interface PaymentContent {
  kind: PaymentKind
  /** What was paid for: `[a-z0-9][a-z0-9-]{0,31}`. */
  category: string
  /** `YYYY`, `YYYY-MM`, `YYYY-Qn`, `YYYY-MM-DD`, `YYYY/YYYY` (a tax year) or "". */
  period: string
  /** In the currency's minor unit; a safe integer, not negative, of a refund at least 1. */
  amountMinor: number
  /** ISO 4217 alphabetic code. */
  currency: string
  /** `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SSZ`. */
  paidAt: string
  /** Who collected it; 1 to 64 bytes of UTF-8. */
  authority: string
  /** Says to the office who paid; 1 to 64 bytes of UTF-8. Sealed records only. */
  payerTag?: string
  /** Whatever else the office keeps; its canonical JSON has at most 512 bytes, and no name or text has characters that are not seen. */
  fields?: { [member: string]: Json }
}

/** One version of an order, as the office says it. */
export interface PaymentRecord extends PaymentContent {
  /** 1 to 96 bytes of UTF-8, see `checkOrderId`. */
  orderId: string
  /** From 1; each version follows the one before it. */
  version: number
}

export const CATEGORY_PATTERN = '^[a-z0-9][a-z0-9-]{0,31}$'
export const MAX_AUTHORITY_BYTES = 64
export const MAX_PAYER_TAG_BYTES = 64
export const MAX_FIELDS_BYTES = 512

const CATEGORY = new RegExp(CATEGORY_PATTERN)
const CONTENT_MEMBERS: readonly string[] = [
  ...['kind', 'category', 'period', 'amountMinor', 'currency', 'paidAt', 'authority', 'payerTag', 'fields'],
]
const RECORD_MEMBERS: readonly string[] = ['orderId', 'version', ...CONTENT_MEMBERS]

/**
 * The record in its one form, if `value` is one: exactly the members of a record, each in its bounds. Version 1 is a payment or a refund,
 * later ones are a correction, reversal or refund.
 * @throws PAYMENT_INVALID naming member and reason, never its content
 */
export function checkPaymentRecord(value: unknown): PaymentRecord {
  const record = membersOf(value, RECORD_MEMBERS)
  const fault = faultOfOrderId(record.orderId)
  if (fault !== undefined) throw paymentInvalid('orderId', fault)
  const { orderId, version } = record as { orderId: string; version: unknown }
  if (!isVersion(version)) throw paymentInvalid('version', 'is not a whole number from 1 to 2^32 - 1')
  const content = contentOf(record)
  if (version === 1 && (content.kind === 'correction' || content.kind === 'reversal'))
    throw paymentInvalid('kind', `is a ${content.kind}, which follows another version; this is version 1`)
  if (version > 1 && content.kind === 'payment')
    throw paymentInvalid('kind', 'is a payment, which is the first version of an order')
  return { orderId, version, ...content }
}

/** As {@link checkPaymentRecord}, of what a payload holds. @throws PAYMENT_INVALID */
export const checkPaymentContent = (value: unknown): PaymentContent =>
  contentOf(membersOf(value, CONTENT_MEMBERS))

function membersOf(value: unknown, allowed: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw paymentInvalid('record', 'is not an object')
  for (const name of Object.keys(value))
    if (!allowed.includes(name)) throw paymentInvalid('record', 'has a member that no payment record has')
  return value as Record<string, unknown>
}

function contentOf(record: Record<string, unknown>): PaymentContent {
  const { kind, category, period, amountMinor, currency, paidAt, authority, payerTag, fields } = record
  if (!PAYMENT_KINDS.includes(kind as PaymentKind))
    throw paymentInvalid('kind', `is none of ${PAYMENT_KINDS.join(', ')}`)
  if (typeof category !== 'string' || !CATEGORY.test(category))
    throw paymentInvalid('category', `does not match ${CATEGORY_PATTERN}`)
  if (typeof period !== 'string' || packPeriod(period) === undefined)
    throw paymentInvalid('period', PERIOD_RULE)
  if (!Number.isSafeInteger(amountMinor) || (amountMinor as number) < 0)
    throw paymentInvalid('amountMinor', 'is not a whole number from 0 to 2^53 - 1')
  if (kind === 'refund' && amountMinor === 0) throw paymentInvalid('amountMinor', 'of a refund is 0')
  if (typeof currency !== 'string' || minorDigitsOf(currency) === undefined)
    throw paymentInvalid('currency', 'is not an ISO 4217 code of money')
  if (typeof paidAt !== 'string' || !isPaidAt(paidAt))
    throw paymentInvalid(
      'paidAt',
      `is no existing YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ of ${FIRST_YEAR} to ${LAST_YEAR}`,
    )
  checkText('authority', authority, MAX_AUTHORITY_BYTES)
  if (payerTag !== undefined) checkText('payerTag', payerTag, MAX_PAYER_TAG_BYTES)
  return {
    kind: kind as PaymentKind,
    category,
    period,
    // Minus zero is zero.
    amountMinor: (amountMinor as number) + 0,
    currency,
    paidAt,
    authority: authority as string,
    ...(payerTag === undefined ? {} : { payerTag: payerTag as string }),
    ...(fields === undefined ? {} : { fields: checkFields(fields) }),
  }
}

function checkText(member: string, value: unknown, maxBytes: number): void {
  const fault = faultOfText(value, maxBytes)
  if (fault !== undefined) throw paymentInvalid(member, fault)
}

function checkFields(fields: unknown): NonNullable<PaymentContent['fields']> {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw paymentInvalid('fields', 'is not an object')
  let text: string
  try {
    text = canonicalJson(fields)
  } catch {
    // The error of canonical JSON names a path, and names of members may be personal.
    throw paymentInvalid('fields', 'has a value that canonical JSON (RFC 8785) does not carry')
  }
  if (utf8ToBytes(text).length > MAX_FIELDS_BYTES)
    throw paymentInvalid('fields', `has more than ${MAX_FIELDS_BYTES} bytes of canonical JSON`)
  const checked: NonNullable<PaymentContent['fields']> = JSON.parse(text)
  if (isUnseenIn(checked)) throw paymentInvalid('fields', `has a name or text that ${UNSEEN_FAULT}`)
  return checked
}

/** Bounded by the length of the text that it was parsed from. */
function isUnseenIn(value: Json): boolean {
  if (typeof value === 'string') return hasUnseen(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(isUnseenIn)
  return Object.entries(value).some(([name, member]) => hasUnseen(name) || isUnseenIn(member))
}

function isPaidAt(text: string): boolean {
  if (dayNumberOf(text.slice(0, 10)) === undefined) return false
  return text.length === 10 || (/^T.*Z$/.test(text.slice(10)) && secondsOf(text.slice(11, -1)) !== undefined)
}
