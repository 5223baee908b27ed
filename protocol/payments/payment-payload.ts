import { bytesToHex, concatBytes, type Hex, hexToBytes, utf8ToBytes } from '../hex.ts'
import { ByteReader, uintBytes } from './byte-reader.ts'
import { payloadMalformed } from './payload-malformed.ts'
import { categoryCode, KNOWN_CATEGORIES } from './payment-category.ts'
import { decodeHiddenContent, encodeHiddenContent } from './payment-content.ts'
import { MAX_PAYLOAD_BYTES } from './payment-entry.ts'
import { paymentInvalid } from './payment-invalid.ts'
import { PERIOD_BYTES, packPeriod, unpackPeriod } from './payment-period.ts'
import {
  CATEGORY_PATTERN,
  checkPaymentContent,
  PAYMENT_KINDS,
  type PaymentContent,
} from './payment-record.ts'

export const VISIBILITIES = ['public', 'sealed'] as const
export type Visibility = (typeof VISIBILITIES)[number]

/** What everybody can read of every payload. */
export type ClearContent = Pick<PaymentContent, 'kind' | 'category' | 'period'>

/** A payload taken apart: of a sealed one what is in clear, and the rest as ciphertext with its tag. */
export type DecodedPayload =
  | ({ visibility: 'public' } & PaymentContent)
  | ({ visibility: 'sealed'; clear: Uint8Array; ciphertext: Uint8Array } & ClearContent)

/** Byte 0 of a payload. */
const FORMATS: Record<Visibility, number> = { public: 1, sealed: 2 }
const CATEGORY = new RegExp(CATEGORY_PATTERN)
/** Amount, currency and day, one byte of authority, and the tag of AES-GCM. */
const MIN_CIPHERTEXT_BYTES = 11 + 1 + 16

/**
 * What stands in clear at the start of a payload: `format (1) ‖ kind (2 bits), form of the period (3 bits), 3 zero bits ‖ category code (1),
 * after 0 length (1) and text ‖ period (0 to 3, by form)`.
 * @param content checked
 */
export function encodeClearContent(
  visibility: Visibility,
  { kind, category, period }: ClearContent,
): Uint8Array {
  const { form, value } = packPeriod(period)!
  const code = categoryCode(category)
  return concatBytes(
    new Uint8Array([FORMATS[visibility], (PAYMENT_KINDS.indexOf(kind) << 6) | (form << 3), code]),
    code === 0 ? concatBytes(uintBytes(category.length, 1), utf8ToBytes(category)) : new Uint8Array(0),
    uintBytes(value, PERIOD_BYTES[form]!),
  )
}

/** The payload of a public record. @throws PAYMENT_INVALID, also for a payer tag: it is for sealed records */
export function encodePublicPayload(content: PaymentContent): Hex {
  if (content.payerTag !== undefined) throw paymentInvalid('payerTag', 'is for sealed records only')
  return bytesToHex(encodeOpenContent(content))
}

/** Any content, payer tag included, as a public payload has it. @throws PAYMENT_INVALID */
export function encodeOpenContent(content: PaymentContent): Uint8Array {
  const checked = checkPaymentContent(content)
  return concatBytes(encodeClearContent('public', checked), encodeHiddenContent(checked))
}

/** @throws PAYMENT_PAYLOAD_MALFORMED unless `bytes` are the one form of a content */
export function decodeOpenContent(bytes: Uint8Array): PaymentContent {
  const { visibility, content, length } = readClear(bytes)
  if (visibility !== 'public') throw payloadMalformed('is sealed')
  const decoded = { ...content, ...decodeHiddenContent(bytes.subarray(length)) }
  let encoded: Uint8Array
  try {
    encoded = encodeOpenContent(decoded)
  } catch (error) {
    throw payloadMalformed(`holds no valid content: ${(error as Error).message}`)
  }
  if (!isSame(encoded, bytes)) throw notTheOnlyForm()
  return decoded
}

/**
 * Takes a payload apart. Each content has one payload: any other bytes are refused. Of a sealed one only what is in clear can be told.
 * @throws PAYMENT_PAYLOAD_MALFORMED
 */
export function decodePayload(payload: Hex): DecodedPayload {
  const bytes = hexToBytes(payload)
  if (bytes.length > MAX_PAYLOAD_BYTES) throw payloadMalformed(`has more than ${MAX_PAYLOAD_BYTES} bytes`)
  const { visibility, content, length } = readClear(bytes)
  if (visibility === 'public') {
    const decoded = decodeOpenContent(bytes)
    if (decoded.payerTag !== undefined) throw payloadMalformed('is public and has a payer tag')
    return { visibility, ...decoded }
  }
  const ciphertext = bytes.subarray(length)
  if (ciphertext.length < MIN_CIPHERTEXT_BYTES) throw payloadMalformed('ends too early')
  return { visibility, ...content, clear: bytes.subarray(0, length), ciphertext }
}

const notTheOnlyForm = () => payloadMalformed('is not in the one form of its content')

function readClear(bytes: Uint8Array): { visibility: Visibility; content: ClearContent; length: number } {
  const reader = new ByteReader(bytes, () => payloadMalformed('ends too early'))
  const format = reader.uint(1)
  const visibility = VISIBILITIES.find((name) => FORMATS[name] === format)
  if (visibility === undefined) throw payloadMalformed('is of an unknown format')
  const packed = reader.uint(1)
  const code = reader.uint(1)
  const category = code === 0 ? asciiOf(reader.take(reader.uint(1))) : KNOWN_CATEGORIES[code - 1]
  if (category === undefined || !CATEGORY.test(category) || categoryCode(category) !== code)
    throw payloadMalformed('has no valid category')
  const form = (packed >> 3) & 7
  const period = unpackPeriod({ form, value: reader.uint(PERIOD_BYTES[form] ?? 0) })
  const content = { kind: PAYMENT_KINDS[packed >> 6]!, category, period: period ?? '' }
  const isKnown = period !== undefined && packPeriod(period)?.form === form
  if (!isKnown || !isSame(encodeClearContent(visibility, content), bytes.subarray(0, reader.position)))
    throw notTheOnlyForm()
  return { visibility, content, length: reader.position }
}

const asciiOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
