import type { Json } from '../canonical-json.ts'
import { concatBytes, utf8ToBytes } from '../hex.ts'
import { ByteReader, uintBytes } from './byte-reader.ts'
import { dayNumberOf, dayText, secondsOf, timeText } from './calendar.ts'
import { payloadMalformed } from './payload-malformed.ts'
import { fieldsText } from './payment-digest.ts'
import type { PaymentContent } from './payment-record.ts'

/** What a sealed payload hides: all but kind, category and period. */
export type HiddenContent = Omit<PaymentContent, 'kind' | 'category' | 'period'>

// Flags stand above the 53 bits of the amount, the currency's 15 bits above the day's 17: an amount has the same length whatever it is,
// so that the length of a ciphertext says nothing of it.
const HAS_TIME = 4
const HAS_PAYER_TAG = 2
const HAS_FIELDS = 1
const FLAG = 2 ** 21
const DAYS = 2 ** 17
const TWO_32 = 2 ** 32

/**
 * `flags (3 bits) ‖ amount (53 bits) ‖ currency (15 bits, letters in base 26) ‖ day since 1900-01-01 (17 bits)`, then as flagged
 * `second of the day (3 bytes)`, `length (1) ‖ payerTag`, `length (2) ‖ fields as canonical JSON`, then `authority`. Numbers are
 * big endian, texts UTF-8.
 * @param content checked
 */
export function encodeHiddenContent(content: HiddenContent): Uint8Array {
  const { amountMinor, currency, paidAt, authority, payerTag, fields } = content
  const hasTime = paidAt.length > 10
  const flags =
    (hasTime ? HAS_TIME : 0) +
    (payerTag === undefined ? 0 : HAS_PAYER_TAG) +
    (fields === undefined ? 0 : HAS_FIELDS)
  const parts = [
    uintBytes(flags * FLAG + Math.floor(amountMinor / TWO_32), 3),
    uintBytes(amountMinor % TWO_32, 4),
    uintBytes(currencyNumber(currency) * DAYS + dayNumberOf(paidAt.slice(0, 10))!, 4),
  ]
  if (hasTime) parts.push(uintBytes(secondsOf(paidAt.slice(11, 19))!, 3))
  if (payerTag !== undefined) parts.push(withLength(payerTag, 1))
  if (fields !== undefined) parts.push(withLength(fieldsText(fields), 2))
  return concatBytes(...parts, utf8ToBytes(authority))
}

/** Reads any bytes of the form above; whether they are the only form of a valid content is for the caller to see. @throws PAYMENT_PAYLOAD_MALFORMED */
export function decodeHiddenContent(bytes: Uint8Array): HiddenContent {
  const reader = new ByteReader(bytes, () => payloadMalformed('ends too early'))
  const high = reader.uint(3)
  const flags = Math.floor(high / FLAG)
  const amountMinor = (high % FLAG) * TWO_32 + reader.uint(4)
  const packed = reader.uint(4)
  const day = dayText(packed % DAYS)
  const paidAt = flags & HAS_TIME ? `${day}T${timeText(reader.uint(3))}Z` : day
  const payerTag = flags & HAS_PAYER_TAG ? textOf(reader.take(reader.uint(1))) : undefined
  const fields = flags & HAS_FIELDS ? jsonOf(textOf(reader.take(reader.uint(2)))) : undefined
  return {
    amountMinor,
    currency: currencyText(Math.floor(packed / DAYS)),
    paidAt,
    authority: textOf(reader.rest()),
    ...(payerTag === undefined ? {} : { payerTag }),
    // Whether they are an object is checked with the whole content.
    ...(fields === undefined ? {} : { fields: fields as NonNullable<HiddenContent['fields']> }),
  }
}

const A = 'A'.charCodeAt(0)

const currencyNumber = (code: string): number =>
  [0, 1, 2].reduce((number, i) => number * 26 + code.charCodeAt(i) - A, 0)

const currencyText = (number: number): string =>
  String.fromCharCode(...[676, 26, 1].map((weight) => A + (Math.floor(number / weight) % 26)))

function withLength(text: string, lengthBytes: number): Uint8Array {
  const bytes = utf8ToBytes(text)
  return concatBytes(uintBytes(bytes.length, lengthBytes), bytes)
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    throw payloadMalformed('has fields that are not JSON')
  }
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes)
  } catch {
    throw payloadMalformed('has a text that is not UTF-8')
  }
}
