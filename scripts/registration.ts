import { Contract, NonceManager } from 'ethers'
import { PARTICIPANT_DIRECTORY_ABI } from '../protocol/abi/participant-directory.ts'
import type { AddressBook } from '../protocol/address-book.ts'
import { CountersignError } from '../protocol/errors.ts'
import { type Address, type Bytes32, isSameAddress } from '../protocol/hex.ts'
import { ROLES, type Role, roleMask } from '../protocol/roles.ts'
import { connectToChain } from './chain/connection.ts'
import { mined, walletWithGasToSpare } from './chain/transaction.ts'

/** What the directory shall say of a party. */
export interface Registration {
  account: Address
  roles: Role[]
  name: string
  endpoint: string
  /** For providers: the query types they answer. */
  queryTypes: string[]
  /** Where this party's records are kept, for the role that keeps them. */
  book: { role: Role; chainId: number; registry: Address } | null
}
export type RegistrationOutcome = 'registered' | 'updated' | 'unchanged'

/** How a provider says in the directory which query types it answers. */
const metadataUriOf = (queryTypes: string[]): string =>
  queryTypes.length === 0 ? '' : `data:application/json,${encodeURIComponent(JSON.stringify({ queryTypes }))}`

/**
 * Brings directory entries to what is wanted, one after the other; what is there already costs no transaction.
 * @param administratorKey of an account that the AccessManager lets administer the directory
 * @throws CHAIN_UNKNOWN when the address book has no directory, CHAIN_UNREACHABLE, TRANSACTION_UNCONFIRMED, or the contract's own
 * error
 */
export async function registerParticipants(
  addressBook: AddressBook,
  registrations: readonly Registration[],
  administratorKey: Bytes32,
): Promise<RegistrationOutcome[]> {
  const { chainId, address } = addressBook.directory
  const rpcUrl = addressBook.chains.find((candidate) => candidate.chainId === chainId)?.rpcUrls[0]
  if (rpcUrl === undefined)
    throw new CountersignError(
      'CHAIN_UNKNOWN',
      `the address book has no chain ${chainId}, on which the directory is`,
    )
  const provider = connectToChain(rpcUrl, chainId)
  try {
    const administrator = new NonceManager(walletWithGasToSpare(administratorKey, provider))
    const directory = new Contract(address, PARTICIPANT_DIRECTORY_ABI, administrator)
    const outcomes: RegistrationOutcome[] = []
    for (const registration of registrations) outcomes.push(await register(directory, registration))
    return outcomes
  } finally {
    provider.destroy()
  }
}

async function register(directory: Contract, wanted: Registration): Promise<RegistrationOutcome> {
  const mask = roleMask(wanted.roles)
  const entry = [
    wanted.account,
    mask,
    wanted.name,
    wanted.endpoint,
    metadataUriOf(wanted.queryTypes),
  ] as const
  const current = await directory.participantOf!(wanted.account)
  const isKnown = current.registeredAt > 0n
  const isSame =
    current.roles === mask &&
    current.name === entry[2] &&
    current.endpoint === entry[3] &&
    current.metadataURI === entry[4]
  if (!isKnown) await mined(directory.register!(...entry))
  else if (!isSame) await mined(directory.update!(...entry))
  const bookChanged = wanted.book !== null && (await setBook(directory, wanted.account, wanted.book))
  if (!isKnown) return 'registered'
  return isSame && !bookChanged ? 'unchanged' : 'updated'
}

async function setBook(
  directory: Contract,
  account: Address,
  book: NonNullable<Registration['book']>,
): Promise<boolean> {
  const role = ROLES[book.role]
  const current = await directory.bookOf!(account, role)
  if (current.chainId === BigInt(book.chainId) && isSameAddress(current.registry, book.registry)) return false
  await mined(directory.setBook!(account, role, book.chainId, book.registry))
  return true
}
