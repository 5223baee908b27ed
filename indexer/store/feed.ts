import type { Hex } from '../../protocol/hex.ts'
import type { ParticipantEventRow, RecordRow, RootRow } from './store.ts'

/**
 * After so many events of the commit of this version, in the order of the feed. Ordinal 0: before its first one. Positions
 * stay valid for as long as the feed is kept, whatever is rolled back or repaired later.
 */
export interface FeedPosition {
  version: number
  ordinal: number
}

/** Where on its chain a row stands. A root stands before the entries published with it: its entry index is -1. */
export interface ChainPosition {
  blockNumber: number
  logIndex: number
  entryIndex: number
}

export interface FeedRootRow extends RootRow {
  /** Undefined for a publication. */
  manifestUri: string | undefined
  transactionHash: Hex
  blockHash: Hex
  /** Unix seconds. */
  blockTime: number
}

export interface FeedParticipantRow extends ParticipantEventRow {
  transactionHash: Hex
  blockHash: Hex
}

export type FeedRow =
  | { kind: 'record'; row: RecordRow }
  | { kind: 'root'; row: FeedRootRow }
  | { kind: 'participant'; row: FeedParticipantRow }

export type FinalFeedEvent = FeedRow & {
  change: 'added'
  at: ChainPosition
  /** The commit that added the row. */
  version: number
}

export type FeedEvent = FeedRow & {
  change: 'added' | 'retracted'
  at: ChainPosition
  /** Who has read this event stands here. */
  position: FeedPosition
  /** Of a retraction: the commit that had added the row. An event that retracts names the one it retracts by it. */
  addedVersion?: number
  /** Came or went other than with its block: by a repair, or with a contract that was added to the address book later. */
  isLate: boolean
}

export interface FeedReader {
  /**
   * What was added and retracted after a position, in the order of the commits; null is before the first.
   * Rows that were retracted since are left out; a retraction may be of one that was left out, and then changes nothing. Of rows that
   * a reader at this position has not come to, a retraction is given if `isKnown` says that it has the row from elsewhere.
   * @throws FEED_EXPIRED when the feed is not kept from there on any more
   */
  listFeed(query: {
    after: FeedPosition | null
    limit: number
    /** @param version of the retraction */
    isKnown?: (chainId: number, at: ChainPosition, version: number) => boolean
  }): Promise<FeedEvent[]>
  /** Before everything that is kept. */
  feedStart(): Promise<FeedPosition>
  /** After everything committed. */
  feedEnd(): Promise<FeedPosition>
  /**
   * Rows of a chain in its order, after a position, up to a block that should be final; null is before the first. What a repair
   * puts below a reader's position is in `listFeed` alone, marked late.
   */
  listFinalFeed(query: {
    chainId: number
    after: ChainPosition | null
    /** Inclusive. */
    toBlock: number
    limit: number
  }): Promise<FinalFeedEvent[]>
}
