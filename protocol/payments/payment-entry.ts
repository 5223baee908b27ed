import { CountersignError } from '../errors.ts'
import { type Bytes32, concatBytes, type Hex, hexToBytes, keccak256Hex } from '../hex.ts'
import type { Entry } from '../record-book.ts'
import { uintWord } from '../record-slots.ts'

/** Versions of an order count from 1 and are a `uint32` on chain. */
export const MAX_VERSION = 2 ** 32 - 1
/** Of one record on chain; the registry refuses longer ones. */
export const MAX_PAYLOAD_BYTES = 1024

/** One version of an order as it is handed to the registry. */
export interface PaymentOnChain {
  orderKey: Bytes32
  /** From 1. */
  version: number
  /** Of the record's content: see `paymentDigest`. */
  digest: Bytes32
  /** 1 to 1,024 bytes. */
  payload: Hex
}

export const isVersion = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_VERSION

/** `keccak256(orderKey ‖ uint256(version))`: the book's key of one version. @throws PAYMENT_INVALID for a version out of range */
export function paymentKey(orderKey: Bytes32, version: number): Bytes32 {
  if (!isVersion(version)) throw new CountersignError('PAYMENT_INVALID', 'version is not a uint32 from 1')
  return keccak256Hex(concatBytes(hexToBytes(orderKey, 32), uintWord(version)))
}

/** `keccak256(digest ‖ keccak256(payload))`: the book's digest. Slot and head so vouch for the payload, too. */
export const paymentEntryDigest = (digest: Bytes32, payload: Hex): Bytes32 =>
  entryDigestOf(digest, keccak256Hex(hexToBytes(payload)))

/** The same, from the payload's hash. */
export const entryDigestOf = (digest: Bytes32, payloadHash: Bytes32): Bytes32 =>
  keccak256Hex(concatBytes(hexToBytes(digest, 32), hexToBytes(payloadHash, 32)))

/** What the book keeps of a payment: its entry, as heads, roots and signed batches take it in. */
export const paymentEntry = ({ orderKey, version, digest, payload }: PaymentOnChain): Entry => ({
  key: paymentKey(orderKey, version),
  digest: paymentEntryDigest(digest, payload),
})
