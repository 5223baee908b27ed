import { CountersignError } from '../../protocol/errors.ts'
import type { ChainPosition, FeedPosition } from '../store/feed.ts'

/**
 * - `instant`: events when they are indexed, and their retraction when the chain takes them back
 * - `final`: events once their block is final and the chain's index is complete
 * - `both`: each event twice
 */
export const DELIVERIES = ['instant', 'final', 'both'] as const
export type Delivery = (typeof DELIVERIES)[number]

/**
 * Where a consumer stands. What the index writes is read in the order of its commits (`journal`); what becomes final in the order of each
 * chain (`walked`).
 */
export interface FeedCursor {
  deliver: Delivery
  /** Null while rows are read in chain order first. */
  journal: FeedPosition | null
  /** The last row of each chain, in chain order, that was passed as final. */
  walked: ReadonlyMap<number, ChainPosition>
  /**
   * While reading from the first block: rows up to these blocks come in chain order, so that of the commits before `version` only the
   * rows above them are left to tell.
   */
  start?: { version: number; blocks: ReadonlyMap<number, number> }
}

/** No log and no entry comes after it; fits the integers of every store. */
const LAST_INDEX = 2 ** 31 - 1

export const beforeBlock = (blockNumber: number): ChainPosition => ({
  blockNumber: blockNumber - 1,
  logIndex: LAST_INDEX,
  entryIndex: LAST_INDEX,
})
export const endOfBlock = (blockNumber: number): ChainPosition => beforeBlock(blockNumber + 1)

export const isPassed = (row: ChainPosition, passed: ChainPosition | undefined): boolean =>
  passed !== undefined &&
  (row.blockNumber - passed.blockNumber ||
    row.logIndex - passed.logIndex ||
    row.entryIndex - passed.entryIndex) <= 0

/** Opaque to consumers, and short: it goes out with every event of a stream. */
export function encodeFeedCursor({ deliver, journal, walked, start }: FeedCursor): string {
  const state = [
    DELIVERIES.indexOf(deliver),
    journal === null ? null : [journal.version, journal.ordinal],
    [...walked].map(([chainId, { blockNumber, logIndex, entryIndex }]) =>
      logIndex === LAST_INDEX && entryIndex === LAST_INDEX
        ? [chainId, blockNumber]
        : [chainId, blockNumber, logIndex, entryIndex],
    ),
    ...(start === undefined ? [] : [start.version, [...start.blocks]]),
  ]
  return Buffer.from(JSON.stringify(state)).toString('base64url')
}

/** More than an address book has. */
const MAX_CHAINS = 64

/** @throws CURSOR_INVALID */
export function decodeFeedCursor(text: string): FeedCursor {
  try {
    const state: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (Array.isArray(state) && (state.length === 3 || state.length === 5)) return toCursor(state)
  } catch {
    // Answered below, like any other text that is no cursor.
  }
  throw new CountersignError('CURSOR_INVALID', 'the id to resume after is not one of this feed', {
    action: 'Give the id of an event of this stream unchanged, or leave it out to start now.',
  })
}

function toCursor([deliver, journal, walked, version, blocks]: unknown[]): FeedCursor {
  const passed = integers(walked, [2, 4]).map(
    ([chainId, blockNumber, logIndex = LAST_INDEX, entryIndex = LAST_INDEX]) =>
      [chainId!, { blockNumber: blockNumber!, logIndex, entryIndex }] as const,
  )
  const [at] = journal === null ? [] : integers([journal], [2])
  return {
    deliver: DELIVERIES[integers([[deliver]], [1])[0]![0]!] ?? invalid(),
    journal: at === undefined ? null : { version: at[0]!, ordinal: at[1]! },
    walked: new Map(passed),
    ...(version === undefined
      ? {}
      : {
          start: {
            version: integers([[version]], [1])[0]![0]!,
            blocks: new Map(integers(blocks, [2]).map(([chainId, block]) => [chainId!, block!])),
          },
        }),
  }
}

/** Ordinals and the block before the first may be -1. */
function integers(value: unknown, lengths: readonly number[]): number[][] {
  const isRow = (row: unknown): row is number[] =>
    Array.isArray(row) &&
    lengths.includes(row.length) &&
    row.every((number) => Number.isSafeInteger(number) && number >= -1)
  return Array.isArray(value) && value.length <= MAX_CHAINS && value.every(isRow) ? value : invalid()
}

function invalid(): never {
  throw new TypeError('not a cursor')
}
