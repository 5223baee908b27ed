import { gcm } from '@noble/ciphers/aes.js'
import { expand, hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { CountersignError } from '../errors.ts'
import { type Bytes32, bytesToHex, concatBytes, type Hex, hexToBytes, utf8ToBytes } from '../hex.ts'
import { uintWord } from '../record-slots.ts'
import { uintBytes } from './byte-reader.ts'
import { checkLength, type LookupCode } from './lookup-code.ts'
import { orderKeyOf } from './order-id.ts'
import { decodeHiddenContent, encodeHiddenContent } from './payment-content.ts'
import { NO_PREVIOUS_DIGEST, paymentDigest } from './payment-digest.ts'
import { checkPrevious } from './payment-order.ts'
import { decodePayload, encodeClearContent } from './payment-payload.ts'
import type { PaymentPlace } from './payment-place.ts'
import { checkPaymentRecord, type PaymentRecord } from './payment-record.ts'

/** What goes on chain of a record, beside order key and version. */
export interface RecordedPayment {
  digest: Bytes32
  payload: Hex
}

/** A sealed record as the chain gives it, with the order id it was looked up by. */
export interface SealedPayment extends RecordedPayment {
  orderId: string
  version: number
  /** Digest of the version before; zero for version 1. */
  previousDigest: Bytes32
  place: PaymentPlace
}

const ROOT_LABEL = utf8ToBytes('countersign.payment.v1')
const SALT_LABEL = utf8ToBytes('salt')
const KEY_LABEL = utf8ToBytes('key')
// A key seals one thing: it is derived from the digest, which covers content, place and a secret salt.
const NONCE = new Uint8Array(12)

/**
 * Seals a record under the order's lookup code: AES-256-GCM of all but kind, category and period, which are in clear and authenticated.
 * Deterministic: the same record and code give the same bytes.
 * @param previousDigest of the version before; zero for version 1
 * @throws PAYMENT_INVALID
 */
export function sealPayment(
  record: PaymentRecord,
  code: LookupCode,
  place: PaymentPlace,
  previousDigest: Bytes32 = NO_PREVIOUS_DIGEST,
): RecordedPayment {
  const checked = checkPaymentRecord(record)
  checkPrevious(checked.version, previousDigest)
  const root = rootOf(code, place, checked.orderId)
  const digest = paymentDigest(checked, { previousDigest, salt: saltOf(root, checked.version) }, place)
  const clear = encodeClearContent('sealed', checked)
  const ciphertext = gcm(keyOf(root, checked.version, digest), NONCE, clear).encrypt(
    encodeHiddenContent(checked),
  )
  return { digest, payload: bytesToHex(concatBytes(clear, ciphertext)) }
}

/**
 * Opens a sealed record and checks its digest again from what was in it.
 * @throws PAYMENT_NOT_OPENED whatever was wrong: code, order, version, place, digest or payload
 */
export function openPayment(sealed: SealedPayment, code: LookupCode): PaymentRecord {
  try {
    return open(sealed, code)
  } catch {
    throw new CountersignError(
      'PAYMENT_NOT_OPENED',
      'the record does not open with this order id and lookup code',
    )
  }
}

/** The salt of one version's digest: 32 bytes that say nothing of the code or of another version's. @throws ORDER_ID_MALFORMED */
export const paymentSalt = (
  code: LookupCode,
  place: PaymentPlace,
  { orderId, version }: Pick<PaymentRecord, 'orderId' | 'version'>,
): Bytes32 => saltOf(rootOf(code, place, orderId), version)

function open(sealed: SealedPayment, code: LookupCode): PaymentRecord {
  const { orderId, version, previousDigest, place, digest } = sealed
  const decoded = decodePayload(sealed.payload)
  if (decoded.visibility !== 'sealed') throw new Error('public')
  checkPrevious(version, previousDigest)
  const { kind, category, period, clear, ciphertext } = decoded
  const root = rootOf(code, place, orderId)
  const hidden = gcm(keyOf(root, version, digest), NONCE, clear).decrypt(ciphertext)
  const record = checkPaymentRecord({
    ...{ orderId, version, kind, category, period },
    ...decodeHiddenContent(hidden),
  })
  const isOnlyForm = bytesToHex(encodeHiddenContent(record)) === bytesToHex(hidden)
  if (!isOnlyForm || paymentDigest(record, { previousDigest, salt: saltOf(root, version) }, place) !== digest)
    throw new Error('another record')
  return record
}

/** HKDF-SHA-256 (RFC 5869) of the code, with `chainId (32 bytes) ‖ registry ‖ office ‖ orderKey` as info. */
function rootOf(code: LookupCode, { chainId, registry, office }: PaymentPlace, orderId: string): Uint8Array {
  checkLength(code)
  const info = concatBytes(
    uintWord(chainId),
    hexToBytes(registry, 20),
    hexToBytes(office, 20),
    hexToBytes(orderKeyOf(orderId)),
  )
  return hkdf(sha256, code, ROOT_LABEL, info, 32)
}

const saltOf = (root: Uint8Array, version: number): Bytes32 =>
  bytesToHex(expand(sha256, root, concatBytes(SALT_LABEL, uintBytes(version, 4)), 32))

const keyOf = (root: Uint8Array, version: number, digest: Bytes32): Uint8Array =>
  expand(sha256, root, concatBytes(KEY_LABEL, uintBytes(version, 4), hexToBytes(digest, 32)), 32)
