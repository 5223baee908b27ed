import {
  type Address,
  type Bytes32,
  concatBytes,
  hexToBytes,
  keccak256,
  keccak256Hex,
  utf8ToBytes,
} from '../hex.ts'
import { uintWord } from '../record-slots.ts'
import { type Registry, registrySeparator } from '../registry-domain.ts'
import { compileTypes, typedDataDigest } from '../typed-data.ts'

/** A credential as the registry's `issueBatch` and `issueFor` take it. */
export interface CredentialOnChain {
  /** See `credentialKey`. */
  credentialId: Bytes32
  digest: Bytes32
  /** Unix seconds from which on it is expired; 0 for never. */
  expiresAt: number | bigint
}

/** A revocation as the registry's `revokeBatch` and `revokeFor` take it. */
export interface RevocationOnChain {
  credentialId: Bytes32
  reason: string
}

interface Batch extends Registry {
  issuer: Address
  /** Unix seconds; the last block timestamp at which the batch is accepted. */
  deadline: number | bigint
}

const MEMBERS = [
  { name: 'issuer', type: 'address' },
  { name: 'batchHash', type: 'bytes32' },
  { name: 'deadline', type: 'uint256' },
]
const BATCHES = compileTypes({ CredentialBatch: MEMBERS, RevocationBatch: MEMBERS })

/** `keccak256(credentialId0 ‖ digest0 ‖ expiresAt0 ‖ credentialId1 ‖ …)`, an expiry taking a word. */
export const credentialBatchHash = (credentials: readonly CredentialOnChain[]): Bytes32 =>
  keccak256Hex(
    concatBytes(
      ...credentials.flatMap(({ credentialId, digest, expiresAt }) => [
        hexToBytes(credentialId, 32),
        hexToBytes(digest, 32),
        uintWord(expiresAt),
      ]),
    ),
  )

/** `keccak256(credentialId0 ‖ keccak256(reason0) ‖ credentialId1 ‖ …)`. */
export const revocationBatchHash = (revocations: readonly RevocationOnChain[]): Bytes32 =>
  keccak256Hex(
    concatBytes(
      ...revocations.flatMap(({ credentialId, reason }) => [
        hexToBytes(credentialId, 32),
        keccak256(utf8ToBytes(reason)),
      ]),
    ),
  )

/** What an issuer signs so that anyone may send the credentials (`issueFor`). */
export const credentialBatchDigest = ({
  credentials,
  ...batch
}: Batch & { credentials: readonly CredentialOnChain[] }): Bytes32 =>
  batchDigest('CredentialBatch', batch, credentialBatchHash(credentials))

/** What an issuer signs so that anyone may send the revocations (`revokeFor`). */
export const revocationBatchDigest = ({
  revocations,
  ...batch
}: Batch & { revocations: readonly RevocationOnChain[] }): Bytes32 =>
  batchDigest('RevocationBatch', batch, revocationBatchHash(revocations))

const batchDigest = (
  type: 'CredentialBatch' | 'RevocationBatch',
  { issuer, deadline, ...registry }: Batch,
  batchHash: Bytes32,
): Bytes32 =>
  typedDataDigest(registrySeparator(registry), BATCHES.hashStruct(type, { issuer, batchHash, deadline }))
