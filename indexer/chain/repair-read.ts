import { readBlockTimes } from './block-times.ts'
import type { AuthorHead } from './chain-heads.ts'
import { CommitDraft } from './commit-draft.ts'
import { decodeLogs, type IndexedContract } from './decode-logs.ts'
import type { Boundary } from './head-bisect.ts'
import { type LogFilter, readLogRanges } from './log-source.ts'
import { sizeOf } from './repair-rows.ts'
import type { RpcClient } from './rpc-client.ts'

export interface ReadAgainDeps {
  rpc: RpcClient
  chainId: number
  author: AuthorHead
  contract: IndexedContract
  finalNumber: number
  /** Hashes of the blocks that may still be replaced, as indexed. */
  hashOf: (block: number) => Promise<Uint8Array | undefined>
  signal: AbortSignal
  /** Values of rows that are kept in memory at once. */
  maxValues?: number
}

export interface ReadAgain {
  draft: CommitDraft
  head: Uint8Array
  /** Who answered. */
  endpoints: string[]
}

/** Some tens of megabytes. */
const MAX_VALUES = 300_000

/**
 * Everything an author wrote in the blocks after `from`, up to `to`, drafted from the head at `from`.
 * @param avoid endpoints that are asked only when no other answers
 * @returns undefined when it is more than is kept in memory at once, and `isBounded`
 */
export async function readAgain(
  deps: ReadAgainDeps,
  from: Boundary,
  to: number,
  avoid: ReadonlySet<string>,
  isBounded: boolean,
): Promise<ReadAgain | undefined> {
  let read: ReadAgain | undefined
  for await (const { draft, head, endpoints } of drafts(deps, from, to, avoid, isBounded)) {
    if (read !== undefined) return undefined
    read = { draft, head, endpoints }
  }
  return read
}

/**
 * The heads on the way from `from` to `to`, a stretch that is too much to be kept in memory: as often as is kept at once.
 * @returns the last one is at `to`
 */
export async function survey(
  deps: ReadAgainDeps,
  from: Boundary,
  to: number,
  avoid: ReadonlySet<string>,
): Promise<{ boundaries: Boundary[]; endpoints: string[] }> {
  const boundaries: Boundary[] = []
  const endpoints = new Set<string>()
  for await (const part of drafts(deps, from, to, avoid, true)) {
    boundaries.push({ block: part.block, head: part.head })
    for (const endpoint of part.endpoints) endpoints.add(endpoint)
  }
  return { boundaries, endpoints: [...endpoints] }
}

/** Drafts of consecutive stretches, none much larger than is kept in memory at once. */
async function* drafts(
  deps: ReadAgainDeps,
  from: Boundary,
  to: number,
  avoid: ReadonlySet<string>,
  isBounded: boolean,
): AsyncGenerator<ReadAgain & { block: number }> {
  const { rpc, contract, author, signal, finalNumber, maxValues = MAX_VALUES } = deps
  const hashes = await indexedHashes(deps, Math.max(from.block, finalNumber) + 1, to)
  const address = `0x${Buffer.from(contract.stored.address).toString('hex')}`
  const contracts = new Map([[address, contract]])
  const preferring: RpcClient = {
    ...rpc,
    withEndpoint: (task) => rpc.withEndpoint(task, avoid),
  }
  let head = from.head
  let draft = newDraft(deps, head)
  let endpoints = new Set<string>()
  for await (const range of readLogRanges({
    rpc: preferring,
    filter: filterOf(contract, author, address),
    from: from.block + 1,
    to,
    signal,
  })) {
    const { endpoint } = range
    endpoints.add(endpoint)
    const ofRange = {
      logs: range.logs,
      fromBlock: range.from,
      toBlock: range.to,
      endpoint,
      hashOf: (n: number) => hashes.get(n),
    }
    await readBlockTimes(rpc, decodeLogs(ofRange, contracts, draft), draft)
    if (range.to !== to && !(isBounded && sizeOf(draft) > maxValues)) continue
    head = [...draft.newestHeads()][0]?.head ?? head
    yield { draft, head, endpoints: [...endpoints], block: range.to }
    draft = newDraft(deps, head)
    endpoints = new Set()
  }
}

/** Counts begin at zero: they are added up over the stretches. */
const newDraft = ({ chainId, finalNumber }: ReadAgainDeps, head: Uint8Array): CommitDraft =>
  new CommitDraft({ chainId, finalNumber, baseOf: () => ({ head, entryCount: 0 }) })

/** The node sends nobody else's events: those of a record book have their author as second indexed value. */
function filterOf({ projection }: IndexedContract, { author }: AuthorHead, address: string): LogFilter {
  const events = [...projection.events.keys()]
  const topic = `0x${'0'.repeat(24)}${Buffer.from(author).toString('hex')}`
  return { address: [address], topics: projection.headOwner === 'author' ? [events, null, topic] : [events] }
}

async function indexedHashes(
  { hashOf }: ReadAgainDeps,
  from: number,
  to: number,
): Promise<Map<number, string>> {
  const hashes = new Map<number, string>()
  for (let number = from; number <= to; number++) {
    const hash = await hashOf(number)
    if (hash !== undefined) hashes.set(number, `0x${Buffer.from(hash).toString('hex')}`)
  }
  return hashes
}
