import { Type } from '../../http/schema.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { BlockRow, StoreReader } from '../store/store.ts'
import { type BlockBound, boundsNow, checkBounds } from './cursor.ts'
import { standingsOf } from './standing.ts'

/**
 * `asOf` makes an answer stand at an earlier block: rows of later blocks are left out, as if the index ended there. What the answer says
 * about certainty (finality, completeness, heads, standings) is what is known now, because it only ever grows surer.
 */
export const AsOfSchema = Type.String({
  minLength: 1,
  maxLength: 64,
  description:
    'Answer as of an earlier block or time. `<chainId>:<number>` is a block, and that chain alone is answered for. A number below 1,000,000,000 is a block too, where there is one chain. ' +
    'A number from 1,000,000,000 on is a time in unix seconds; an ISO 8601 date (its first second, UTC) or time with its zone is one as well: every chain is answered for up to its last block at or before it. ' +
    'The canonical chain as it is known now counts, not what was seen then; `asOf` in the answer names the blocks. A block past the indexed one, or a time past its timestamp, is refused with 409. ' +
    'On chains with several blocks a second, the last second may still grow.',
  examples: ['31337:12', '1795268363', '2026-11-21T13:00:00Z'],
})

export type AsOfPoint = { chainId: number | undefined; number: number } | { timestamp: number }

/** Up to which block one chain is answered for. */
export interface AsOfBound {
  view: ChainView
  chainId: number
  /** -1: up to none. */
  number: number
  block: BlockRow | undefined
  /** The block by which no later one can come under the bound; infinite: none yet. */
  decidedBy: number
}

const BLOCK = /^(?:(\d{1,15}):)?(\d{1,15})$/
const ISO_8601 = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/
/** 2001-09-09; a bare number below is a block. */
const FIRST_TIMESTAMP = 1_000_000_000

/** @throws AS_OF_MALFORMED */
export function parseAsOf(text: string): AsOfPoint {
  const block = BLOCK.exec(text)
  if (block !== null) {
    const number = Number(block[2])
    if (block[1] !== undefined) return { chainId: Number(block[1]), number }
    return number < FIRST_TIMESTAMP ? { chainId: undefined, number } : { timestamp: number }
  }
  const day = ISO_8601.exec(text)?.[1]
  const time = day === undefined ? Number.NaN : Date.parse(text)
  // A day that its month does not have would pass for one of the next month.
  if (Number.isNaN(time) || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day)
    throw new CountersignError('AS_OF_MALFORMED', `neither a block nor a time: ${JSON.stringify(text)}`)
  return { timestamp: Math.floor(time / 1000) }
}

/**
 * The bound of each chain that is answered for.
 * @throws AS_OF_MALFORMED when the chain is not one of these or not named, AS_OF_NOT_INDEXED past what is indexed
 */
export async function resolveAsOf(
  point: AsOfPoint,
  views: readonly ChainView[],
  store: StoreReader,
): Promise<AsOfBound[]> {
  if ('timestamp' in point)
    return Promise.all(views.map((view) => boundAtTime(view, point.timestamp, store, views)))
  const view = chainOf(point.chainId, views)
  const { chainId } = view.config
  if (point.number > (view.checkpoint?.number ?? -1))
    throw notIndexed(`chain ${chainId} is not indexed up to block ${point.number}`, views)
  const { number } = point
  return [{ view, chainId, number, block: await store.findLastBlock(chainId, number), decidedBy: number }]
}

function chainOf(chainId: number | undefined, views: readonly ChainView[]): ChainView {
  const found = chainId === undefined ? views : views.filter(({ config }) => config.chainId === chainId)
  if (found.length === 1) return found[0]!
  const chains = views.map(({ config }) => config.chainId).join(', ')
  throw new CountersignError(
    'AS_OF_MALFORMED',
    chainId === undefined
      ? `a block number alone says nothing where there are several chains (${chains})`
      : `this is not answered for chain ${chainId}, but for ${chains}`,
  )
}

async function boundAtTime(
  view: ChainView,
  timestamp: number,
  store: StoreReader,
  views: readonly ChainView[],
): Promise<AsOfBound> {
  const { checkpoint, config } = view
  if (checkpoint === undefined || timestamp > checkpoint.timestamp)
    throw notIndexed(`chain ${config.chainId} is not indexed up to time ${timestamp}`, views)
  // Timestamps ascend with the numbers, and few blocks are kept: a search by halves needs no index of times.
  let block: BlockRow | undefined
  // The first block known to be later. In the second of the last one there may be more to come.
  let decidedBy = timestamp < checkpoint.timestamp ? checkpoint.number : Number.POSITIVE_INFINITY
  let low = 0
  let high = checkpoint.number
  while (low <= high) {
    const middle = timestamp === checkpoint.timestamp ? high : Math.floor((low + high) / 2)
    const found = await store.findLastBlock(config.chainId, middle)
    if (found === undefined || found.timestamp <= timestamp) {
      block = found ?? block
      low = middle + 1
    } else {
      decidedBy = found.number
      high = found.number - 1
    }
  }
  return { view, chainId: config.chainId, number: block?.number ?? -1, block, decidedBy }
}

const notIndexed = (message: string, views: readonly ChainView[]): CountersignError =>
  new CountersignError('AS_OF_NOT_INDEXED', message, { details: { standings: standingsOf(views) } })

/** As the answer names it. */
export const answerAsOf = ({ view, chainId, number, block, decidedBy }: AsOfBound) => ({
  chainId,
  number,
  block:
    block === undefined
      ? null
      : { number: block.number, hash: bytesToHex(block.hash), timestamp: block.timestamp },
  finality: isFinal({ view, decidedBy }) ? ('final' as const) : ('pending' as const),
})

/** What a list's cursor is bound to. */
export const blockBoundsOf = (bounds: readonly AsOfBound[]): BlockBound[] =>
  bounds.flatMap(({ chainId, block }) =>
    block === undefined ? [] : [{ chainId, number: block.number, hash: bytesToHex(block.hash) }],
  )

/**
 * Up to which blocks a page of a list is read: a later page stands where the first one stood.
 * @throws as `parseAsOf` and `resolveAsOf`, CURSOR_ORPHANED
 */
export async function boundsOfPage(
  asOfText: string | undefined,
  boundsOfCursor: BlockBound[] | undefined,
  views: ReadonlyMap<number, ChainView>,
  store: StoreReader,
): Promise<{ asOf: AsOfBound[] | undefined; bounds: BlockBound[] }> {
  const asOf =
    asOfText === undefined ? undefined : await resolveAsOf(parseAsOf(asOfText), [...views.values()], store)
  const bounds = boundsOfCursor ?? (asOf === undefined ? boundsNow(views.values()) : blockBoundsOf(asOf))
  await checkBounds(bounds, views, store)
  return { asOf, bounds }
}

export const isFinal = ({ view, decidedBy }: Pick<AsOfBound, 'view' | 'decidedBy'>): boolean =>
  decidedBy <= (view.checkpoint?.finalNumber ?? -1)
