import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { CountersignError } from '../errors.ts'
import { type Address, type Bytes32, concatBytes, hexToBytes, utf8ToBytes } from '../hex.ts'
import { LOOKUP_CODE_BYTES, type LookupCode } from './lookup-code.ts'

const LABEL = utf8ToBytes('countersign.lookup-code.v1')
const MIN_SECRET_BYTES = 32

export interface LookupCodeInput {
  /** The office's slip secret, at least 32 bytes. Never leaves the office. */
  secret: Uint8Array
  orderKey: Bytes32
  office: Address
  /** Random, kept by the office with the order. Destroying it makes the order's sealed records unreadable for good, save for holders of its slip. */
  share: Bytes32
}

/**
 * The lookup code of an order: the first 16 bytes of HKDF-SHA-256 (RFC 5869) with the secret as key material, the share as salt and
 * `label ‖ orderKey ‖ office` as info. So no database holds a code, and an order sent twice has one.
 * @throws SLIP_SECRET_TOO_SHORT
 */
export function deriveLookupCode({ secret, orderKey, office, share }: LookupCodeInput): LookupCode {
  if (secret.length < MIN_SECRET_BYTES)
    throw new CountersignError(
      'SLIP_SECRET_TOO_SHORT',
      `the slip secret has ${secret.length} bytes, ${MIN_SECRET_BYTES} are needed`,
    )
  const info = concatBytes(LABEL, hexToBytes(orderKey, 32), hexToBytes(office, 20))
  return hkdf(sha256, secret, hexToBytes(share, 32), info, LOOKUP_CODE_BYTES)
}
