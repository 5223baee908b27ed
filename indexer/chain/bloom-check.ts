import type { Hex } from '../../protocol/hex.ts'
import { bloomBits, bloomHasBits } from '../../protocol/log-bloom.ts'
import type { AuthorHead, ChainHeads } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'

/** What a block's bloom allows to be in it. False is certain, true is likely. */
export interface BloomCheck {
  /** Whether the block may have a log of one of our contracts and events. */
  suggestsLogs(bloom: Hex): boolean
  /** Authors who may have written in the block. */
  suggestedAuthors(bloom: Hex, heads: ChainHeads): AuthorHead[]
}

const EMPTY_BLOOM = `0x${'0'.repeat(512)}`
/** Some chains leave the bloom out of their headers; then it says nothing. */
export const isBloomAbsent = (bloom: Hex): boolean => bloom === EMPTY_BLOOM

export function createBloomCheck(contracts: readonly IndexedContract[]): BloomCheck {
  const bitsOf = (hex: string) => bloomBits(Buffer.from(hex.slice(2), 'hex'))
  const books = contracts.map(({ stored, projection }) => ({
    address: bloomBits(stored.address),
    topics: [...projection.events.keys()].map(bitsOf),
  }))
  // A contract with a head of its own is its author: every log has its address.
  const ownHeads = new Set(
    contracts
      .filter(({ projection }) => projection.headOwner === 'contract')
      .map(({ stored }) => stored.contractId),
  )
  const authorBits = new WeakMap<AuthorHead, readonly number[]>()
  const bitsOfAuthor = (author: AuthorHead) => {
    let bits = authorBits.get(author)
    if (bits === undefined) {
      const topic = Buffer.alloc(32)
      topic.set(author.author, 12)
      bits = bloomBits(ownHeads.has(author.contractId) ? author.author : topic)
      authorBits.set(author, bits)
    }
    return bits
  }
  return {
    suggestsLogs: (bloom) =>
      books.some(
        ({ address, topics }) =>
          bloomHasBits(bloom, address) && topics.some((topic) => bloomHasBits(bloom, topic)),
      ),
    suggestedAuthors: (bloom, heads) =>
      [...heads.all()].filter((author) => bloomHasBits(bloom, bitsOfAuthor(author))),
  }
}
