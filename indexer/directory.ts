import type { AddressBook } from '../protocol/address-book.ts'
import { type Address, hexToBytes } from '../protocol/hex.ts'
import type { ChainView } from './chain/chain-view.ts'
import type { ExpectedAuthor } from './chain/completeness.ts'
import { foldParticipants, type Participants } from './projections/participants.ts'
import type { StoreReader } from './store/store.ts'

/** The one participant directory, folded from its events and kept until they change. */
export interface Directory {
  readonly chainId: number
  readonly address: Address
  view(): ChainView
  participants(): Promise<Participants>
  /** As the directory stood after a block. */
  participantsAt(blockNumber: number): Promise<Participants>
  /** Accounts whose records the directory says are kept on this chain, ever. */
  expectedAuthors(chainId: number): Promise<ExpectedAuthor[]>
  /** To be called when its events changed. */
  forget(): void
}

export function createDirectory(
  { directory: { chainId, address } }: AddressBook,
  store: StoreReader,
  viewOf: (chainId: number) => ChainView,
): Directory {
  let kept: Promise<Participants> | undefined
  const read = async (upTo = Number.POSITIVE_INFINITY): Promise<Participants> => {
    const contract = viewOf(chainId).contracts.find(
      ({ stored }) => Buffer.compare(stored.address, hexToBytes(address)) === 0,
    )
    // Before the chain was first asked, nothing is known of the contract.
    if (contract === undefined) return new Map()
    const events = await store.listParticipantEvents(contract.stored.contractId)
    return foldParticipants(events.filter(({ blockNumber }) => blockNumber <= upTo))
  }
  const participants = async (): Promise<Participants> => {
    if (viewOf(chainId).contracts.length === 0) return new Map()
    kept ??= read().catch((error) => {
      kept = undefined
      throw error
    })
    return kept
  }
  return {
    chainId,
    address,
    view: () => viewOf(chainId),
    participants,
    participantsAt: read,
    async expectedAuthors(ofChain) {
      const authors: ExpectedAuthor[] = []
      for (const { account, books } of (await participants()).values())
        for (const book of books)
          if (book.chainId === ofChain)
            authors.push({ registry: hexToBytes(book.registry), author: hexToBytes(account) })
      return authors
    },
    forget() {
      kept = undefined
    },
  }
}
