import { backend } from '#secp256k1'
import { CountersignError } from './errors.ts'
import {
  type Address,
  type Bytes32,
  bytesToHex,
  concatBytes,
  type Hex,
  hexToBytes,
  keccak256,
  toAddress,
} from './hex.ts'

const HALF_ORDER = hexToBytes('0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

/** Signs a 32-byte hash as it stands (no prefix). Returns r ‖ s ‖ v, 65 bytes, low s, v 27 or 28. Deterministic (RFC 6979). */
export function signHash(hash: Bytes32, privateKey: Bytes32): Hex {
  const { rs, recovery } = backend.sign(hexToBytes(hash, 32), hexToBytes(privateKey, 32))
  return bytesToHex(concatBytes(rs, new Uint8Array([27 + recovery])))
}

/** The address whose key made `signature` over `hash`. @throws SIGNATURE_MALFORMED */
export function recoverSigner(hash: Bytes32, signature: Hex): Address {
  const bytes = parseSignature(signature)
  let publicKey: Uint8Array
  try {
    publicKey = backend.recover(hexToBytes(hash, 32), bytes.subarray(0, 64), bytes[64]! - 27)
  } catch (cause) {
    throw new CountersignError('SIGNATURE_MALFORMED', 'no public key belongs to this signature', { cause })
  }
  return publicKeyToAddress(publicKey)
}

/** The account of a private key. @throws HEX_MALFORMED, or the curve's own error for a key out of range */
export const addressOf = (privateKey: Bytes32): Address =>
  publicKeyToAddress(backend.publicKeyOf(hexToBytes(privateKey, 32)))

function parseSignature(signature: Hex): Uint8Array {
  const bytes = hexToBytes(signature)
  if (bytes.length !== 65 || (bytes[64] !== 27 && bytes[64] !== 28))
    throw new CountersignError('SIGNATURE_MALFORMED', 'a signature has 65 bytes r, s, v with v 27 or 28')
  // The upper half of s would give every signature a twin (EIP-2), and a file a second valid form.
  if (isAbove(bytes.subarray(32, 64), HALF_ORDER))
    throw new CountersignError(
      'SIGNATURE_MALFORMED',
      'the s of a signature lies in the lower half of the order',
    )
  return bytes
}

/** Compares two big-endian numbers of the same length. */
function isAbove(bytes: Uint8Array, limit: Uint8Array): boolean {
  for (let i = 0; i < limit.length; i++) if (bytes[i] !== limit[i]) return bytes[i]! > limit[i]!
  return false
}

const publicKeyToAddress = (publicKey: Uint8Array): Address =>
  toAddress(bytesToHex(keccak256(publicKey.subarray(1)).subarray(12)))
