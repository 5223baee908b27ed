import type { Address } from '../hex.ts'
import { toAddress } from '../hex.ts'

const DID = /^did:pkh:eip155:(0|[1-9]\d{0,15}):(0x[0-9a-fA-F]{40})$/

/** The account as a decentralised identifier: did:pkh with a CAIP-10 account, its address checksummed. */
export const issuerDid = (chainId: number, issuer: Address): string =>
  `did:pkh:eip155:${chainId}:${toAddress(issuer)}`

/** Undefined for another text, also for another spelling of the same account. */
export function readIssuerDid(did: unknown): { chainId: number; issuer: Address } | undefined {
  const match = typeof did === 'string' ? DID.exec(did) : null
  if (match === null) return undefined
  const chainId = Number(match[1])
  try {
    const issuer = toAddress(match[2]!)
    return Number.isSafeInteger(chainId) && issuerDid(chainId, issuer) === did
      ? { chainId, issuer }
      : undefined
  } catch {
    return undefined
  }
}

/** Names the issuer's key; resolved from the identifier itself. */
export const verificationMethodOf = (did: string): string => `${did}#blockchainAccountId`
