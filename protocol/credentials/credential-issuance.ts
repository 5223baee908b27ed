import type { Address, Bytes32 } from '../hex.ts'
import { type Registry, registrySeparator } from '../registry-domain.ts'
import type { Serial } from '../serial.ts'
import { compileTypes, typedDataDigest } from '../typed-data.ts'
import { credentialKey } from './credential-key.ts'

const ISSUANCE = compileTypes({
  CredentialIssuance: [
    { name: 'credentialId', type: 'bytes32' },
    { name: 'issuer', type: 'address' },
    { name: 'digest', type: 'bytes32' },
    { name: 'documentHash', type: 'bytes32' },
    { name: 'proofHash', type: 'bytes32' },
  ],
})

/** What an issuer puts its name to: the digest, and the whole document with the terms of its proof. */
export interface CredentialIssuance extends Registry {
  credentialId: Serial
  issuer: Address
  digest: Bytes32
  /** keccak256 of the canonical form of the document without `proof` and `integrity`. */
  documentHash: Bytes32
  /** keccak256 of the canonical form of the issuer's proof without `proofValue`. */
  proofHash: Bytes32
}

/** The EIP-712 hash of `CredentialIssuance(…)` in the registry's domain. */
export const issuanceHash = ({ chainId, registry, credentialId, ...issuance }: CredentialIssuance): Bytes32 =>
  typedDataDigest(
    registrySeparator({ chainId, registry }),
    ISSUANCE.hashStruct('CredentialIssuance', { credentialId: credentialKey(credentialId), ...issuance }),
  )
