import type { BaseContractMethod, HDNodeWallet } from 'ethers'
import {
  type CredentialOnChain,
  credentialBatchHash,
  type RevocationOnChain,
  revocationBatchHash,
} from '../../../protocol/credentials/credential-batch.ts'
import { credentialKey, newCredentialId } from '../../../protocol/credentials/credential-key.ts'
import { type Address, type Bytes32, randomBytes32, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import { CHAIN_ID, ethers, type Registry } from './chain.ts'

export type CredentialRegistry = Registry &
  Record<
    | 'issue'
    | 'issueBatch'
    | 'issueFor'
    | 'revoke'
    | 'revokeBatch'
    | 'revokeFor'
    | 'stateOf'
    | 'expiresAtOf'
    | 'revocationOf',
    BaseContractMethod
  >

/** In the order of the contract's enumeration. */
export const STATE = { none: 0n, issued: 1n, expired: 2n, revoked: 3n } as const

export const deployCredentialRegistry = async (gate: Address = ZERO_ADDRESS): Promise<CredentialRegistry> =>
  (await ethers.deployContract('CredentialRegistry', [gate])) as unknown as CredentialRegistry

/** Without an expiry, unless told otherwise. */
export const randomCredential = (given: Partial<CredentialOnChain> = {}): CredentialOnChain => ({
  credentialId: credentialKey(newCredentialId()),
  digest: randomBytes32(),
  expiresAt: 0,
  ...given,
})

export const randomCredentials = (size: number, given?: Partial<CredentialOnChain>): CredentialOnChain[] =>
  Array.from({ length: size }, () => randomCredential(given))

export const issue = (
  registry: CredentialRegistry,
  { credentialId, digest, expiresAt }: CredentialOnChain,
): ReturnType<CredentialRegistry['issue']> => registry.issue(credentialId, digest, expiresAt)

/** What an issuer signs, for ethers' own EIP-712. */
export const credentialBatch = (
  registry: Address,
  issuer: Address,
  credentials: readonly CredentialOnChain[],
  deadline: bigint | number,
) => batch('CredentialBatch', registry, issuer, credentialBatchHash(credentials), deadline)

export const revocationBatch = (
  registry: Address,
  issuer: Address,
  revocations: readonly RevocationOnChain[],
  deadline: bigint | number,
) => batch('RevocationBatch', registry, issuer, revocationBatchHash(revocations), deadline)

const batch = (
  type: 'CredentialBatch' | 'RevocationBatch',
  registry: Address,
  issuer: Address,
  batchHash: Bytes32,
  deadline: bigint | number,
) => ({
  domain: { name: 'Countersign', version: '1', chainId: CHAIN_ID, verifyingContract: registry },
  types: {
    [type]: [
      { name: 'issuer', type: 'address' },
      { name: 'batchHash', type: 'bytes32' },
      { name: 'deadline', type: 'uint256' },
    ],
  },
  message: { issuer, batchHash, deadline },
})

type TypedData = ReturnType<typeof batch>

export const signBatch = (
  signer: Pick<HDNodeWallet, 'signTypedData'>,
  { domain, types, message }: TypedData,
): Promise<string> => signer.signTypedData(domain, types, message)

export const batchDigestOf = ({ domain, types, message }: TypedData): Bytes32 =>
  ethers.TypedDataEncoder.hash(domain, types, message) as Bytes32
