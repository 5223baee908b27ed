import type { AddressBook, ChainEntry } from '../address-book.ts'
import type { Address } from '../hex.ts'

/** Where genuine payments are, and whom to ask about them: what a verifier has to have from somebody it trusts. */
export interface PaymentNetwork {
  /** Says which accounts are tax offices. */
  directory: { chainId: number; address: Address }
  chains: PaymentChain[]
}

export interface PaymentChain {
  chainId: number
  name: string
  /** Null where nothing of the kind is recorded. */
  registry: Address | null
  /** Blocks after a block until it counts as final. */
  finalityDepth: number
  /** Final is never more than what the chain's own `finalized` tag says. */
  finalizedTag: boolean
  /** Seconds until its newest block counts as old; default: as `isOldHead` has it. */
  maxHeadAge?: number
  /** JSON-RPC endpoints; may be none. */
  rpcUrls: string[]
}

/** The chains of payments and of the directory, each with the endpoints that `urlsOf` picks. */
export const paymentNetworkOf = (
  book: AddressBook,
  urlsOf: (chain: ChainEntry) => string[],
): PaymentNetwork => registryNetworkOf('PaymentRecordRegistry', book, urlsOf)

/** The chains that have a contract of that name, and the directory's. */
export function registryNetworkOf(
  contract: string,
  { directory, chains }: AddressBook,
  urlsOf: (chain: ChainEntry) => string[],
): PaymentNetwork {
  return {
    directory,
    chains: chains
      .map((chain) => ({
        chainId: chain.chainId,
        name: chain.name,
        registry: chain.contracts[contract]?.address ?? null,
        finalityDepth: chain.finalityDepth,
        finalizedTag: chain.finalizedTag === true,
        ...(chain.maxHeadAge === undefined ? {} : { maxHeadAge: chain.maxHeadAge }),
        rpcUrls: urlsOf(chain),
      }))
      .filter(({ chainId, registry }) => registry !== null || chainId === directory.chainId),
  }
}

/** The endpoints of a chain that a page may name to everybody. */
export const publicRpcUrlsOf = ({ publicRpcUrls, rpcUrls }: ChainEntry): string[] =>
  publicRpcUrls ?? rpcUrls.filter((url) => !mayHoldCredentials(url))

/** Node operators put keys into names and paths; what is no word may be one. */
const LONGEST_WORD = 15

/**
 * Whether a URL has, or may have, something in it that is not for everybody: user and password, a query, or a label of its name or a
 * segment of its path that is too long to be a word.
 */
export function mayHoldCredentials(url: string): boolean {
  const { username, password, search, hostname, pathname } = new URL(url)
  if (username !== '' || password !== '' || search !== '') return true
  return [...hostname.split('.'), ...pathname.split('/')].some((part) => part.length > LONGEST_WORD)
}
