import { type Bytes32, bytesToHex, hexToBytes, keccak256Hex, utf8ToBytes } from '../hex.ts'
import type { Entry } from '../record-book.ts'
import { uintWord } from '../record-slots.ts'
import { keyToSerial, newSerial, type Serial, serialToKey } from '../serial.ts'
import { checkRevocationReason } from './revocation-reason.ts'

/** What an entry of the registry says of a credential. The position is the last byte of its key. */
export const CREDENTIAL_ENTRY_KINDS = ['issue', 'revocation', 'expiry'] as const
export type CredentialEntryKind = (typeof CREDENTIAL_ENTRY_KINDS)[number]

/** A ULID: ascending in time, and of a form that no key of a revocation or an expiry has. */
export const newCredentialId = (): Serial => newSerial()

/** Key of the credential's issue: the id's ASCII bytes, right-padded with zeros. @throws SERIAL_MALFORMED */
export const credentialKey = (credentialId: Serial): Bytes32 => serialToKey(credentialId)

/** Key of the credential's revocation: its key, the last byte 1. */
export const revocationKey = (credentialId: Serial): Bytes32 => keyOfKind(credentialId, 'revocation')

/** Key of the credential's expiry: its key, the last byte 2. */
export const expiryKey = (credentialId: Serial): Bytes32 => keyOfKind(credentialId, 'expiry')

/** The inverse of the three above; undefined for a key that is none of them. */
export function readCredentialKey(
  key: Bytes32,
): { credentialId: Serial; kind: CredentialEntryKind } | undefined {
  const bytes = hexToBytes(key, 32)
  const kind = CREDENTIAL_ENTRY_KINDS[bytes[31]!]
  bytes[31] = 0
  try {
    return kind && { credentialId: keyToSerial(bytesToHex(bytes)), kind }
  } catch {
    return undefined
  }
}

/** What the book keeps of an issue. @param digest see `evidenceDigest` */
export const issueEntry = (credentialId: Serial, digest: Bytes32): Entry => ({
  key: credentialKey(credentialId),
  digest,
})

/** What the book keeps of an expiry: the time itself as a word. @param expiresAt unix seconds */
export const expiryEntry = (credentialId: Serial, expiresAt: number): Entry => ({
  key: expiryKey(credentialId),
  digest: bytesToHex(uintWord(expiresAt)),
})

/** What the book keeps of a revocation. @throws REVOCATION_REASON_INVALID */
export const revocationEntry = (credentialId: Serial, reason: string): Entry => ({
  key: revocationKey(credentialId),
  digest: reasonHashOf(reason),
})

/** `keccak256` of the reason's UTF-8 bytes. @throws REVOCATION_REASON_INVALID */
export const reasonHashOf = (reason: string): Bytes32 =>
  keccak256Hex(utf8ToBytes(checkRevocationReason(reason)))

function keyOfKind(credentialId: Serial, kind: CredentialEntryKind): Bytes32 {
  const key = hexToBytes(credentialKey(credentialId), 32)
  key[31] = CREDENTIAL_ENTRY_KINDS.indexOf(kind)
  return bytesToHex(key)
}
