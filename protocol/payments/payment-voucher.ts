import { fromBase64Url, toBase64Url } from '../base64url.ts'
import { CountersignError } from '../errors.ts'
import {
  type Bytes32,
  bytesToHex,
  concatBytes,
  hexToBytes,
  keccak256,
  toAddress,
  utf8ToBytes,
} from '../hex.ts'
import { ByteReader, uintBytes } from './byte-reader.ts'
import type { LookupCode } from './lookup-code.ts'
import { NO_PREVIOUS_DIGEST } from './payment-digest.ts'
import { PAYMENT_TIERS, type PaymentTier } from './payment-event.ts'
import { checkPrevious } from './payment-order.ts'
import {
  decodeOpenContent,
  decodePayload,
  encodeOpenContent,
  encodePublicPayload,
} from './payment-payload.ts'
import type { PaymentPlace } from './payment-place.ts'
import { checkPaymentRecord, type PaymentRecord } from './payment-record.ts'
import { openPayment, paymentSalt, type SealedPayment } from './payment-seal.ts'
import { readPublicPayment } from './public-payment.ts'

/** Where a payment stands on its chain. */
export interface PaymentPosition {
  tier: PaymentTier
  blockNumber: number
  transactionHash: Bytes32
  /** Of the event, counted in the block as JSON-RPC counts. */
  logIndex: number
}

/** What a payer takes along: one version of an order in clear, and all that it takes to find it on the chain. */
export interface PaymentVoucher extends PaymentPosition {
  place: PaymentPlace
  record: PaymentRecord
  /** Zero for version 1. */
  previousDigest: Bytes32
  /** Null for a public record. The payload on chain cannot be sealed again without the lookup code, so its hash is carried. */
  seal: { salt: Bytes32; payloadHash: Bytes32 } | null
}

/** An ordinary voucher takes 300 to 400 characters; the longest that a record's bounds allow, 1,400. */
export const MAX_VOUCHER_CHARACTERS = 1_500

const FORMAT = 1
const CHECKSUM_BYTES = 4

/**
 * The voucher of a record as the chain gives it.
 * @param code of the order, for a sealed record
 * @throws PAYMENT_NOT_OPENED, PAYMENT_PAYLOAD_MALFORMED
 */
export function createVoucher(
  recorded: SealedPayment,
  { tier, blockNumber, transactionHash, logIndex }: PaymentPosition,
  code?: LookupCode,
): PaymentVoucher {
  const { place, previousDigest } = recorded
  const position = { tier, blockNumber, transactionHash, logIndex }
  if (decodePayload(recorded.payload).visibility === 'public')
    return { place, record: readPublicPayment(recorded), previousDigest, seal: null, ...position }
  const record = openPayment(recorded, code ?? new Uint8Array(0))
  const seal = {
    salt: paymentSalt(code!, place, record),
    payloadHash: bytesToHex(keccak256(hexToBytes(recorded.payload))),
  }
  return { place, record, previousDigest, seal, ...position }
}

/**
 * A voucher as text, for the fragment of a URL: a fragment is not sent to any server. Base64url of
 * `format (1) ‖ flags (1): sealed 1, published 2 ‖ chainId ‖ registry (20) ‖ office (20) ‖ blockNumber ‖ transactionHash (32) ‖ logIndex ‖ version ‖
 * previousDigest (32, from version 2 on) ‖ salt (32) ‖ payloadHash (32, both if sealed) ‖ length (1) ‖ orderId ‖ the content as a public
 * payload ‖ the first 4 bytes of keccak256 of all before`; numbers without a length are LEB128.
 * @throws PAYMENT_INVALID, HEX_MALFORMED
 */
export function encodeVoucher(voucher: PaymentVoucher): string {
  const { place, previousDigest, seal, tier, blockNumber, transactionHash, logIndex } = voucher
  const { orderId, version, ...content } = checkPaymentRecord(voucher.record)
  checkPrevious(version, previousDigest)
  const orderIdBytes = utf8ToBytes(orderId)
  const body = concatBytes(
    new Uint8Array([FORMAT, (seal === null ? 0 : 1) + 2 * PAYMENT_TIERS.indexOf(tier)]),
    varint(place.chainId),
    hexToBytes(place.registry, 20),
    hexToBytes(place.office, 20),
    varint(blockNumber),
    hexToBytes(transactionHash, 32),
    varint(logIndex),
    varint(version),
    version === 1 ? new Uint8Array(0) : hexToBytes(previousDigest, 32),
    seal === null
      ? new Uint8Array(0)
      : concatBytes(hexToBytes(seal.salt, 32), hexToBytes(seal.payloadHash, 32)),
    uintBytes(orderIdBytes.length, 1),
    orderIdBytes,
    seal === null ? hexToBytes(encodePublicPayload(content)) : encodeOpenContent(content),
  )
  return toBase64Url(concatBytes(body, keccak256(body).subarray(0, CHECKSUM_BYTES)))
}

/** Reads a voucher strictly: each has one text, and a wrong character is found. @throws PAYMENT_VOUCHER_MALFORMED */
export function decodeVoucher(text: string): PaymentVoucher {
  if (text.length > MAX_VOUCHER_CHARACTERS)
    throw malformed(`has more than ${MAX_VOUCHER_CHARACTERS} characters`)
  const bytes = fromBase64Url(text)
  if (bytes === undefined) throw malformed('is not base64url')
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (bytesToHex(keccak256(body).subarray(0, CHECKSUM_BYTES)) !== bytesToHex(bytes.subarray(body.length)))
    throw malformed('does not fit its checksum')
  let voucher: PaymentVoucher
  let encoded: string
  try {
    voucher = readBody(body)
    encoded = encodeVoucher(voucher)
  } catch (cause) {
    if (cause instanceof CountersignError) throw malformed(`is not as it must be: ${cause.message}`)
    throw cause
  }
  if (encoded !== text) throw malformed('is not in the one form of its content')
  return voucher
}

function readBody(body: Uint8Array): PaymentVoucher {
  const reader = new ByteReader(body, () => malformed('ends too early'))
  if (reader.uint(1) !== FORMAT) throw malformed('is of an unknown format')
  const flags = reader.uint(1)
  const tier = PAYMENT_TIERS[flags >> 1]
  if (tier === undefined) throw malformed('has unknown flags')
  const place = {
    chainId: readVarint(reader),
    registry: toAddress(reader.hex(20)),
    office: toAddress(reader.hex(20)),
  }
  const blockNumber = readVarint(reader)
  const transactionHash = reader.hex(32)
  const logIndex = readVarint(reader)
  const version = readVarint(reader)
  const previousDigest = version > 1 ? reader.hex(32) : NO_PREVIOUS_DIGEST
  const seal = flags & 1 ? { salt: reader.hex(32), payloadHash: reader.hex(32) } : null
  const orderId = new TextDecoder('utf-8', { ignoreBOM: true }).decode(reader.take(reader.uint(1)))
  const record = checkPaymentRecord({ orderId, version, ...decodeOpenContent(reader.rest()) })
  return { place, record, previousDigest, seal, tier, blockNumber, transactionHash, logIndex }
}

/** LEB128 of a whole number up to 2^53 - 1. @throws PAYMENT_VOUCHER_MALFORMED */
function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw malformed('has a number out of range')
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return new Uint8Array([...bytes, rest])
}

function readVarint(reader: ByteReader): number {
  let value = 0
  for (let weight = 1; weight <= 2 ** 49; weight *= 128) {
    const byte = reader.uint(1)
    value += (byte % 128) * weight
    if (byte < 128) return value
  }
  throw malformed('has a number out of range')
}

const malformed = (what: string): CountersignError =>
  new CountersignError('PAYMENT_VOUCHER_MALFORMED', `the voucher ${what}`)
