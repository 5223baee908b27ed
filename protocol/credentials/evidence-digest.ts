import type { Address, Bytes32 } from '../hex.ts'
import { type Registry, registrySeparator } from '../registry-domain.ts'
import type { Serial } from '../serial.ts'
import { compileTypes, typedDataDigest } from '../typed-data.ts'
import { credentialKey } from './credential-key.ts'

const EVIDENCE = compileTypes({
  Evidence: [
    { name: 'credentialId', type: 'bytes32' },
    { name: 'issuer', type: 'address' },
    { name: 'contentHash', type: 'bytes32' },
    { name: 'metadataHash', type: 'bytes32' },
    { name: 'salt', type: 'bytes32' },
  ],
})

export interface EvidenceDigestInput extends Registry {
  credentialId: Serial
  issuer: Address
  /** sha256 of the content's bytes. */
  contentHash: Bytes32
  metadataHash: Bytes32
  /** See `deriveSalt`, with the credential's key. It keeps equal contents from being linked on chain. */
  salt: Bytes32
}

/**
 * What stands on chain for a piece of evidence: the EIP-712 hash of `Evidence(…)` in the registry's domain.
 * @throws SERIAL_MALFORMED, TYPED_DATA_INVALID
 */
export const evidenceDigest = ({
  chainId,
  registry,
  credentialId,
  issuer,
  contentHash,
  metadataHash,
  salt,
}: EvidenceDigestInput): Bytes32 =>
  typedDataDigest(
    registrySeparator({ chainId, registry }),
    EVIDENCE.hashStruct('Evidence', {
      credentialId: credentialKey(credentialId),
      issuer,
      contentHash,
      metadataHash,
      salt,
    }),
  )
