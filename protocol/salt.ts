import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { CountersignError } from './errors.ts'
import { type Address, type Bytes32, bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from './hex.ts'

const LABEL = utf8ToBytes('countersign.salt.v1')
const MIN_SECRET_BYTES = 32

export interface SaltInput {
  /** The author's salt secret, at least 32 bytes. Never leaves the author. */
  secret: Uint8Array
  /** The record's key on chain. */
  key: Bytes32
  author: Address
  /** Random, kept beside the record. Destroying it makes the digest unlinkable for good, whoever has the secret. */
  share: Bytes32
}

/**
 * The salt of one record: HKDF-SHA-256 (RFC 5869) with the secret as key material, the share as salt and
 * `label ‖ key ‖ author` as info. One salt revealed says nothing of another; the author can derive it again at audit time.
 */
export function deriveSalt({ secret, key, author, share }: SaltInput): Bytes32 {
  if (secret.length < MIN_SECRET_BYTES)
    throw new CountersignError(
      'SALT_SECRET_TOO_SHORT',
      `the salt secret has ${secret.length} bytes, ${MIN_SECRET_BYTES} are needed`,
    )
  const info = concatBytes(LABEL, hexToBytes(key, 32), hexToBytes(author, 20))
  return bytesToHex(hkdf(sha256, secret, hexToBytes(share, 32), info, 32))
}
