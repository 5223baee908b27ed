import { CountersignError, isCountersignError } from '../errors.ts'
import { type Address, isSameAddress } from '../hex.ts'
import type { ParticipantStatus, Role } from '../roles.ts'
import type { Check } from '../verification.ts'
import type { ReadCredential } from './evidence-credential.ts'

/** What is read of the directory of participants, on the chain where it is. */
export interface IssuerDirectoryReader {
  chainId(): Promise<number>
  /** No roles: the account was never registered. @throws CHAIN_CONTRADICTS where there is no directory */
  participant(directory: Address, account: Address): Promise<{ roles: Role[]; name: string }>
  /** Where the participant keeps the records of a role; null when nowhere named. */
  bookOf(
    directory: Address,
    account: Address,
    role: Role,
  ): Promise<{ chainId: number; registry: Address } | null>
  /** @param time unix seconds */
  statusAt(directory: Address, account: Address, time: number): Promise<ParticipantStatus>
}

export interface IssuerDirectory {
  node: IssuerDirectoryReader
  chainId: number
  address: Address
}

export interface IssuerCheck {
  /** `issuer` and `known-registry`, as steps of the verification. */
  checks: [Check, Check]
  /** As the directory has it; null unless it is an issuer's. */
  name: string | null
}

const ROLE = 'credentialIssuer'

/**
 * Asks the directory whether the account issues credentials, and in which registry. A registry is known when the directory names it as
 * the issuer's, or the verifier knows it itself.
 * @throws CHAIN_MISMATCH, CHAIN_UNREACHABLE
 */
export async function checkIssuer(
  { chainId, registry, issuer }: Pick<ReadCredential, 'chainId' | 'registry' | 'issuer'>,
  directory: IssuerDirectory,
  knownRegistry: Address | null,
): Promise<IssuerCheck> {
  const { node, address } = directory
  const asked = await node.chainId()
  if (asked !== directory.chainId)
    throw new CountersignError(
      'CHAIN_MISMATCH',
      `the node is of chain ${asked}, the directory of chain ${directory.chainId}`,
    )
  try {
    const { roles, name } = await node.participant(address, issuer)
    const isIssuer = roles.includes(ROLE)
    const book = isIssuer ? await node.bookOf(address, issuer, ROLE) : null
    const isKnown =
      (knownRegistry !== null && isSameAddress(knownRegistry, registry)) ||
      (book !== null && book.chainId === chainId && isSameAddress(book.registry, registry))
    return {
      checks: [
        {
          name: 'issuer',
          outcome: isIssuer ? 'passed' : 'failed',
          detail: `${issuer}: ${roles.join(', ') || 'not registered'}, directory ${address}`,
        },
        {
          name: 'known-registry',
          outcome: isKnown ? 'passed' : 'failed',
          detail: `registry ${registry} on chain ${chainId}`,
        },
      ],
      name: isIssuer ? name : null,
    }
  } catch (error) {
    if (!isCountersignError(error, 'CHAIN_CONTRADICTS')) throw error
    return {
      checks: [
        { name: 'issuer', outcome: 'failed', detail: error.message },
        { name: 'known-registry', outcome: 'not-checked', detail: 'an earlier check failed' },
      ],
      name: null,
    }
  }
}
