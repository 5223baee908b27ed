import type { Store } from '../store/store.ts'
import type { AuthorHead } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { type PastBlock, readPastHeads } from './head-check.ts'
import type { RpcClient } from './rpc-client.ts'
import { type FoldedHead, foldStored } from './stored-events.ts'

/** An author's head as the chain has it after a block. */
export interface Boundary {
  block: number
  head: Uint8Array
}

/** Blocks after `from` up to `to`. */
export interface Part {
  from: Boundary
  to: Boundary
  /** What the store's rows of these blocks add, when they fold to the head at `to`: then nothing is missing and nothing false. */
  folded?: FoldedHead
  /** Further heads could be asked for within. */
  isDivisible: boolean
}

export interface BisectDeps {
  store: Store
  rpc: RpcClient
  author: AuthorHead
  contract: IndexedContract
  /** Hash of a block that may still be replaced. */
  hashOf: (block: number) => Promise<Uint8Array | undefined>
  /** False: the heads of past blocks are not asked for. */
  usesHistory: boolean
}

/** Parts that a stretch is cut into at once: one request, and the store's rows are read once a level. */
const PARTS = 16
/** So few blocks are read again sooner than cut further. */
const MIN_BLOCKS = 8

/**
 * Where the store's rows of an author differ from the chain, without reading a log: from the head that the chain had at one
 * block, the rows up to another must fold to the head it had there. So each stretch between two heads is right or
 * wrong for itself, however many are wrong. Where no node has past states the whole stretch is one part.
 * @param isDense cut on even where most parts are wrong; otherwise a stretch like that is one part
 */
export async function* bisect(
  deps: BisectDeps,
  from: Boundary,
  to: Boundary,
  isDense = false,
): AsyncGenerator<Part> {
  const parts: Part[] = []
  for (const [start, end] of pairs(await cut(deps, from, to))) parts.push(await examine(deps, start, end))
  const wrong = parts.filter(({ folded }) => folded === undefined).length
  if (!isDense && parts.length > 1 && wrong > parts.length / 2) {
    yield { from, to, isDivisible: true }
    return
  }
  for (const part of parts)
    if (part.folded !== undefined || parts.length === 1 || !part.isDivisible) yield part
    else yield* bisect(deps, part.from, part.to, isDense)
}

/** Whether the store's rows between two heads lead from one to the other. */
export async function examine(
  { store, author, contract, usesHistory }: Pick<BisectDeps, 'store' | 'author' | 'contract' | 'usesHistory'>,
  from: Boundary,
  to: Boundary,
  onBlock?: (folded: FoldedHead) => void,
): Promise<Part> {
  const start = { ...from, entryCount: 0, lastBlock: -1 }
  const folded = await foldStored(store, contract, author.author, start, to.block, onBlock)
  const isRight = folded !== undefined && Buffer.compare(folded.head, to.head) === 0
  const isDivisible = usesHistory && folded !== undefined && to.block - from.block > MIN_BLOCKS
  return { from, to, isDivisible, ...(isRight ? { folded } : {}) }
}

async function cut(deps: BisectDeps, from: Boundary, to: Boundary): Promise<Boundary[]> {
  const { rpc, author, contract, usesHistory, hashOf } = deps
  const blocks = to.block - from.block
  if (!usesHistory || contract.projection.headOwner !== 'author' || blocks <= MIN_BLOCKS) return [from, to]
  const count = Math.min(PARTS, blocks)
  const within: PastBlock[] = []
  for (let i = 1; i < count; i++) {
    const number = from.block + Math.floor((blocks * i) / count)
    within.push({ number, hash: await hashOf(number) })
  }
  const asked = { contractAddress: contract.stored.address, author: author.author }
  const heads = await readPastHeads(rpc, asked, within)
  if (heads === undefined) return [from, to]
  return [from, ...within.map(({ number }, i) => ({ block: number, head: heads[i]! })), to]
}

export function* pairs<T>(items: readonly T[]): Generator<[T, T]> {
  for (let i = 1; i < items.length; i++) yield [items[i - 1]!, items[i]!]
}
