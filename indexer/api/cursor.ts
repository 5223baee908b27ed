import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { StoreReader } from '../store/store.ts'
import type { Standing } from './schemas.ts'
import { standingOf, standingsOf } from './standing.ts'

/** The block up to which a list is read; later pages of it stand at the same. */
export interface BlockBound {
  chainId: number
  number: number
  hash: string
}

/** Of a chain that has been read. */
export const boundOf = (view: ChainView): BlockBound => boundOfStanding(standingOf(view)!)

export const boundOfStanding = ({ chainId, block: { number, hash } }: Standing): BlockBound => ({
  chainId,
  number,
  hash,
})

/** Of every chain that has been read at all, where it stands now. */
export const boundsNow = (views: Iterable<ChainView>): BlockBound[] => standingsOf(views).map(boundOfStanding)

export const encodeCursor = (state: unknown): string =>
  Buffer.from(JSON.stringify(state)).toString('base64url')

/**
 * The cursor of a request, where it has one.
 * @throws CURSOR_INVALID unless `isState` holds of what was encoded, and it was made for a list with this filter
 */
export function readCursor<State extends { filter: string }>(
  text: string | undefined,
  isState: (value: unknown) => value is State,
  filter: string,
): State | undefined {
  if (text === undefined) return undefined
  const cursor = decodeCursor(text, isState)
  if (cursor.filter !== filter)
    throw new CountersignError('CURSOR_INVALID', 'the cursor belongs to a list with other filters')
  return cursor
}

function decodeCursor<State>(text: string, isState: (value: unknown) => value is State): State {
  try {
    const state: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (isState(state)) return state
  } catch {
    // Answered below, like any other text that is no cursor.
  }
  throw new CountersignError('CURSOR_INVALID', 'the cursor is not one of this list')
}

/** @throws CURSOR_ORPHANED when the chain no longer has the block */
export async function checkBound(bound: BlockBound, view: ChainView, store: StoreReader): Promise<void> {
  const checkpoint = view.checkpoint
  const isFinal = checkpoint !== undefined && bound.number <= checkpoint.finalNumber
  if (isFinal) return
  const hash =
    bound.number === checkpoint?.number
      ? checkpoint.hash
      : (await store.findBlock(bound.chainId, bound.number))?.hash
  if (hash === undefined || bytesToHex(hash) !== bound.hash)
    throw new CountersignError(
      'CURSOR_ORPHANED',
      `chain ${bound.chainId} no longer has block ${bound.number} (${bound.hash})`,
    )
}

/** Each bound on a chain that is answered for. @throws CURSOR_ORPHANED */
export async function checkBounds(
  bounds: readonly BlockBound[],
  views: ReadonlyMap<number, ChainView>,
  store: StoreReader,
): Promise<void> {
  for (const bound of bounds) {
    const view = views.get(bound.chainId)
    if (view !== undefined) await checkBound(bound, view, store)
  }
}

export const isBounds = (value: unknown): value is BlockBound[] =>
  Array.isArray(value) && value.length <= MAX_BOUNDS && value.every(isBound)

/** More chains than an address book has. */
const MAX_BOUNDS = 64

/** A block number, or whatever else of a position the store can look for. */
export const isPosition = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0

/** A position among logs or entries: 32 bits in a store. */
export const isIndex = (value: unknown): value is number => isPosition(value) && value < 2 ** 31

/** Where a row stands, over all chains. */
export interface RowPlace {
  chainId: number
  blockNumber: number
  logIndex: number
  entryIndex: number
}

export const isRowPlace = (value: unknown): value is RowPlace => {
  const place = value as RowPlace
  return (
    typeof value === 'object' &&
    value !== null &&
    [place.chainId, place.blockNumber].every(isPosition) &&
    [place.logIndex, place.entryIndex].every(isIndex)
  )
}

export const isBound = (value: unknown): value is BlockBound => {
  const bound = value as BlockBound
  return (
    typeof value === 'object' &&
    value !== null &&
    isPosition(bound.chainId) &&
    isPosition(bound.number) &&
    typeof bound.hash === 'string'
  )
}
