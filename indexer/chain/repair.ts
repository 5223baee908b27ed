import type { HeadRow, Store } from '../store/store.ts'
import type { AuthorHead } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { type BisectDeps, type Boundary, bisect, examine, type Part, pairs } from './head-bisect.ts'
import { readPastHeads } from './head-check.ts'
import { nothingBefore, type ReachedHead, RepairProgress } from './repair-progress.ts'
import { type ReadAgain, type ReadAgainDeps, readAgain, survey } from './repair-read.ts'
import { differenceOf } from './repair-rows.ts'
import type { RpcClient } from './rpc-client.ts'
import type { Omission, ServedBy } from './served-by.ts'
import { type FoldedHead, foldStored, storedEvents } from './stored-events.ts'

export interface RepairTask {
  author: AuthorHead
  contract: IndexedContract
  /** The author's head on chain after block `toBlock`, the checkpoint. */
  chainHead: Uint8Array
  toBlock: number
  finalNumber: number
  /** False: past heads are not asked for, as when they led nowhere before. */
  usesHistory: boolean
  /** True: what was verified before is looked at again, too. */
  isFromStart: boolean
}

export interface RepairDeps {
  store: Store
  rpc: RpcClient
  chainId: number
  signal: AbortSignal
  served: ServedBy
  /** Runs a write between two steps of the chain's sync: nothing else is written meanwhile. */
  exclusively: <T>(write: () => Promise<T>) => Promise<T>
  /** The lowest block that the chain was rolled back to since the repair began. */
  rolledBackTo: () => number
  /** Up to which block there are rows now. */
  checkpoint: () => number
  /** After rows were written. */
  onRows: (tables: readonly string[]) => Promise<void>
  /** Together with the author's newest head being written; undefined: nothing of theirs is there. */
  onHeads: (newest: HeadRow | undefined) => void
  /** Values of rows that are kept in memory at once. */
  maxValues?: number
}

export interface RepairResult {
  /** Events that were missing or other than on chain, and rows that were not the chain's. */
  missing: number
  surplus: number
  /** By endpoint, as far as it is known who left them out. */
  omissions: Map<string, Omission>
}

/** No endpoint that answered has what leads to the head on chain. */
export class StillMissing extends Error {
  readonly endpoints: readonly string[]

  constructor(endpoints: readonly string[]) {
    super('logs are still left out')
    this.endpoints = endpoints
  }
}

/** The chain was reorganised below where the repair reads: it begins anew. */
export class RepairOvertaken extends Error {}

/**
 * Finds the stretches in which an author's rows differ from the chain, reads those again, of other endpoints than before
 * when there are any, and writes what is missing or wrong, a stretch a transaction; only what leads to a head that the chain
 * has, so that a repair never makes things worse. Runs beside the sync. At the end the author's heads are written anew.
 * @throws StillMissing, RepairOvertaken, RpcError
 */
export async function repairAuthor(task: RepairTask, deps: RepairDeps): Promise<RepairResult> {
  return new Repair(task, deps).run()
}

class Repair {
  readonly #task: RepairTask
  readonly #deps: RepairDeps
  readonly #bisect: BisectDeps
  readonly #reading: ReadAgainDeps
  readonly #result: RepairResult = { missing: 0, surplus: 0, omissions: new Map() }
  #progress!: RepairProgress
  /** Of the stretches that were read again. */
  readonly #drafted: HeadRow[] = []

  constructor(task: RepairTask, deps: RepairDeps) {
    const { author, contract, finalNumber, usesHistory } = task
    const { store, rpc, chainId, signal } = deps
    const hashOf = async (block: number) =>
      block > finalNumber ? (await store.findBlock(chainId, block))?.hash : undefined
    this.#task = task
    this.#deps = deps
    this.#bisect = { store, rpc, author, contract, hashOf, usesHistory }
    const bound = deps.maxValues === undefined ? {} : { maxValues: deps.maxValues }
    this.#reading = { rpc, chainId, author, contract, finalNumber, hashOf, signal, ...bound }
  }

  async run(): Promise<RepairResult> {
    const { chainHead, toBlock } = this.#task
    this.#progress = new RepairProgress(await this.#findStart(), this.#task.finalNumber)
    const end = { block: toBlock, head: chainHead }
    for (const [from, to] of pairs([this.#progress.start, ...(await this.#finalBoundary()), end]))
      for await (const part of bisect(this.#bisect, from, to)) await this.#mend(part)
    await this.#writeHeads()
    return this.#result
  }

  /** From the newest head that was equal to the chain's on. */
  async #findStart(): Promise<ReachedHead> {
    const { author, contract, toBlock, isFromStart } = this.#task
    const { contractId, startBlock } = contract.stored
    const base = isFromStart
      ? undefined
      : await this.#deps.store.findVerifiedHead(contractId, author.author, toBlock)
    if (base === undefined || base.blockNumber >= toBlock) return nothingBefore(startBlock)
    const { blockNumber, head, entryCount } = base
    return { block: blockNumber, head, entryCount, lastBlock: blockNumber }
  }

  /** Rollbacks go down to the final block: the head there is needed for itself. */
  async #finalBoundary(): Promise<Boundary[]> {
    const { author, contract, toBlock, finalNumber, usesHistory } = this.#task
    const { start } = this.#progress
    const isWithin = start.block < finalNumber && finalNumber < toBlock
    if (!usesHistory || !isWithin || contract.projection.headOwner !== 'author') return []
    const asked = { contractAddress: contract.stored.address, author: author.author }
    const heads = await readPastHeads(this.#deps.rpc, asked, [{ number: finalNumber }])
    return heads === undefined ? [] : [{ block: finalNumber, head: heads[0]! }]
  }

  async #mend(part: Part): Promise<void> {
    this.#deps.signal.throwIfAborted()
    const { from, to, folded } = part
    if (folded !== undefined) {
      if (this.#progress.isFinalWithin(from, to))
        await examine(this.#bisect, from, to, (head) => {
          if (head.lastBlock <= this.#task.finalNumber) this.#progress.noteFinal(head)
        })
      return this.#progress.advance(to, folded)
    }
    const read = await this.#read(from, to, true)
    if (read !== undefined) return this.#replace(from, to, read)
    // Too much to be kept in memory: in smaller stretches, each between two heads that are the chain's.
    if (part.isDivisible) {
      for await (const smaller of bisect(this.#bisect, from, to, true))
        if (smaller.from.block === from.block && smaller.to.block === to.block) return this.#mendLarge(part)
        else await this.#mend(smaller)
      return
    }
    await this.#mendLarge(part)
  }

  async #mendLarge({ from, to }: Part): Promise<void> {
    const boundaries = await this.#fromAnyone(to.head, async (avoid) => {
      const { boundaries, endpoints } = await survey(this.#reading, from, to.block, avoid)
      return { value: boundaries, head: boundaries.at(-1)?.head ?? from.head, endpoints }
    })
    for (const [start, end] of pairs([from, ...boundaries])) {
      const { folded } = await examine(this.#bisect, start, end)
      if (folded !== undefined) this.#progress.advance(end, folded)
      else await this.#replace(start, end, (await this.#read(start, end, false))!)
    }
  }

  #read(from: Boundary, to: Boundary, isBounded: boolean): Promise<ReadAgain | undefined> {
    const first = this.#deps.served.endpointsOf(from.block + 1, to.block)
    return this.#fromAnyone(
      to.head,
      async (avoid) => {
        const read = await readAgain(this.#reading, from, to.block, avoid, isBounded)
        return { value: read, head: read?.head ?? to.head, endpoints: read?.endpoints ?? [] }
      },
      first,
    )
  }

  /** Asks one endpoint after the other until what comes back leads to the head on chain. */
  async #fromAnyone<T>(
    head: Uint8Array,
    read: (avoid: ReadonlySet<string>) => Promise<{ value: T; head: Uint8Array; endpoints: string[] }>,
    avoided: ReadonlySet<string> = new Set(),
  ): Promise<T> {
    const failed = new Set<string>()
    const all = this.#deps.rpc.health().length
    while (failed.size < all) {
      const outcome = await read(failed.size === 0 ? avoided : failed)
      if (Buffer.compare(outcome.head, head) === 0) return outcome.value
      const before = failed.size
      for (const endpoint of outcome.endpoints) failed.add(endpoint)
      if (failed.size === before) break
    }
    throw new StillMissing([...failed])
  }

  async #replace(from: Boundary, to: Boundary, { draft }: ReadAgain): Promise<void> {
    const { author, contract, finalNumber } = this.#task
    const { store, chainId, exclusively, rolledBackTo, served, onRows } = this.#deps
    const stored = storedEvents(store, contract, author.author, from.block, to.block)
    const { rows, blocks, missing, surplus, damaged, besides } = await differenceOf(draft, stored)
    const { beside } = contract.projection
    if (damaged.length > 0 && beside !== undefined)
      await exclusively(async () => {
        if (to.block > finalNumber && rolledBackTo() < to.block) throw new RepairOvertaken()
        await store.restoreBeside({ table: beside, chainId, logs: damaged, values: besides })
        await onRows([beside])
      })
    if (missing.length + surplus.length > 0)
      await exclusively(async () => {
        if (to.block > finalNumber && rolledBackTo() < to.block) throw new RepairOvertaken()
        await store.repair({
          chainId,
          contractId: contract.stored.contractId,
          author: author.author,
          fromBlock: Number.MAX_SAFE_INTEGER, // heads are written at the end
          surplus,
          blocks,
          rows,
          heads: [],
        })
        await onRows([...new Set(rows.map(({ table }) => table as string))])
      })
    this.#result.missing += missing.length
    this.#result.surplus += surplus.length + damaged.length
    for (const [endpoint, omission] of served.sortOut(missing)) this.#noteOmission(endpoint, omission)
    this.#advanceDrafted(from, to, draft.heads())
  }

  #advanceDrafted(from: Boundary, to: Boundary, heads: readonly HeadRow[]): void {
    const { entryCount, lastBlock } = this.#progress.reached
    for (const head of heads) this.#drafted.push({ ...head, entryCount: entryCount + head.entryCount })
    const atFinal = heads.findLast(({ blockNumber }) => blockNumber <= this.#task.finalNumber)
    if (atFinal !== undefined && this.#progress.isFinalWithin(from, to))
      this.#progress.noteFinal({ ...atFinal, lastBlock: atFinal.blockNumber })
    const newest = heads.at(-1)
    this.#progress.advance(to, {
      entryCount: newest?.entryCount ?? 0,
      lastBlock: newest?.blockNumber ?? lastBlock,
    })
  }

  #noteOmission(endpoint: string, { fromBlock, toBlock, logs }: Omission): void {
    const { omissions } = this.#result
    const known = omissions.get(endpoint)
    omissions.set(endpoint, {
      fromBlock: Math.min(known?.fromBlock ?? fromBlock, fromBlock),
      toBlock: Math.max(known?.toBlock ?? toBlock, toBlock),
      logs: (known?.logs ?? 0) + logs,
    })
  }

  /** The head at the final block, and one for each block above that has entries: those that came meanwhile, too. */
  async #writeHeads(): Promise<void> {
    const { author, contract, finalNumber, toBlock } = this.#task
    const { store, chainId, exclusively, rolledBackTo, checkpoint, onHeads, onRows } = this.#deps
    const { start, anchor } = this.#progress
    const { contractId } = contract.stored
    const rowOf = ({ head, entryCount, lastBlock }: FoldedHead, verified: boolean): HeadRow => ({
      contractId,
      author: author.author,
      blockNumber: lastBlock,
      head,
      entryCount,
      verified,
    })
    await exclusively(async () => {
      if (anchor.block > finalNumber && rolledBackTo() < anchor.block) throw new RepairOvertaken()
      let heads = anchor.lastBlock >= 0 ? [rowOf(anchor, true)] : []
      const folded = await foldStored(store, contract, author.author, anchor, checkpoint(), (head) =>
        heads.push(rowOf(head, false)),
      )
      if (folded === undefined) {
        // Rows of the directory do not fold. Whatever came meanwhile was drafted from the old head.
        if (author.blockNumber > toBlock || rolledBackTo() < toBlock) throw new RepairOvertaken()
        heads = this.#drafted
      }
      await store.repair({
        chainId,
        contractId,
        author: author.author,
        fromBlock: start.lastBlock + (folded === undefined ? 1 : 0),
        surplus: [],
        blocks: [],
        rows: [],
        heads,
      })
      onHeads(heads.at(-1) ?? (start.lastBlock >= 0 ? rowOf(start, true) : undefined))
      await onRows([])
    })
  }
}
