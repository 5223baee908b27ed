import { bytesToHex } from '../../protocol/hex.ts'
import { readBlockLogs } from './block-source.ts'
import { readBlockTimes } from './block-times.ts'
import type { ChainWriter } from './chain-writer.ts'
import type { FollowedContracts } from './contracts.ts'
import { decodeLogs, type IndexedContract } from './decode-logs.ts'
import { blockOf } from './linked-headers.ts'
import { type LogFilter, readLogRanges } from './log-source.ts'
import { RpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

const COMMIT_EVENTS = 10_000
const COMMIT_EVERY_MS = 200

/** Reads long stretches of final blocks, many at once, without a header for each. */
export class RangeReader {
  readonly #context: SyncContext
  readonly #writer: ChainWriter

  constructor(context: SyncContext, writer: ChainWriter) {
    this.#context = context
    this.#writer = writer
  }

  /** From the checkpoint on to a final block; the checkpoint moves on with every commit. */
  async backfill({ byAddress, filter }: FollowedContracts, finalNumber: number): Promise<void> {
    const { rpc, view, signal } = this.#context
    const from = view.checkpoint!.number + 1
    let parentHash: string = bytesToHex(view.checkpoint!.hash)
    let draft = this.#writer.newDraft(finalNumber, view.heads)
    let since = performance.now()
    this.#writer.noteUncompared()
    for await (const range of readLogRanges({ rpc, filter, from, to: finalNumber, signal })) {
      const { header, logs, endpoint } = range
      if (range.parentHash !== parentHash)
        throw new RpcError(
          'contradiction',
          endpoint,
          `${endpoint}: blocks ${range.from} to ${range.to} do not follow on those before`,
        )
      parentHash = header.hash
      this.#writer.noteServed(range.from, range.to, endpoint)
      const hashOf = (block: number) => (block === range.to ? header.hash : undefined)
      const blocks = { logs, fromBlock: range.from, toBlock: range.to, endpoint, hashOf }
      await readBlockTimes(rpc, decodeLogs(blocks, byAddress, draft), draft)
      // A commit costs a flush of the disk: ranges share one as long as that keeps neither memory nor readers waiting.
      const isDue = draft.eventCount >= COMMIT_EVENTS || performance.now() - since >= COMMIT_EVERY_MS
      if (!isDue && range.to < finalNumber) continue
      await this.#writer.commit(draft, { ...blockOf(header), finalNumber })
      this.#writer.noteUncompared()
      draft = this.#writer.newDraft(finalNumber, view.heads)
      since = performance.now()
    }
  }

  /**
   * Reads a contract that was added to the address book later, up to where the others stand: final blocks by ranges, the
   * others by the hashes that are indexed.
   * @throws RpcError (not-found) when one of those is not the chain's any more: once the chain is followed to its other
   * branch, it goes on
   */
  async catchUp(contract: IndexedContract): Promise<void> {
    const { rpc, view, signal } = this.#context
    const { stored, projection } = contract
    if (stored.caughtUpTo === null) return
    const checkpoint = view.checkpoint!
    const address = bytesToHex(stored.address)
    const own = new Map([[address, contract]])
    const filter = { address: [address], topics: [[...projection.events.keys()]] }
    const stretch = { from: stored.caughtUpTo + 1, to: Math.min(checkpoint.finalNumber, checkpoint.number) }
    for await (const { from, to, logs, endpoint } of readLogRanges({ rpc, filter, ...stretch, signal })) {
      const draft = this.#writer.newDraft(checkpoint.finalNumber, view.heads)
      const blocks = { logs, fromBlock: from, toBlock: to, endpoint }
      await readBlockTimes(rpc, decodeLogs(blocks, own, draft), draft)
      await this.#writer.commit(draft, checkpoint, { caughtUp: { contractId: stored.contractId, block: to } })
      stored.caughtUpTo = to
    }
    await this.#catchUpByHash(contract, own, filter)
    stored.caughtUpTo = null
  }

  async #catchUpByHash(
    { stored: { contractId, caughtUpTo } }: IndexedContract,
    own: ReadonlyMap<string, IndexedContract>,
    filter: LogFilter,
  ): Promise<void> {
    const { config, store, rpc, view } = this.#context
    const checkpoint = view.checkpoint!
    const draft = this.#writer.newDraft(checkpoint.finalNumber, view.heads)
    for (let number = caughtUpTo! + 1; number <= checkpoint.number; number++) {
      const block = await store.findBlock(config.chainId, number)
      if (block === undefined)
        throw new RpcError('not-found', config.name, `${config.name}: block ${number} is not indexed`)
      const hash = bytesToHex(block.hash)
      await rpc.withEndpoint(async (endpoint) => {
        const [logs] = await readBlockLogs(endpoint, filter, [hash])
        const ofBlock = { logs: logs!, fromBlock: number, toBlock: number, endpoint: endpoint.name }
        decodeLogs({ ...ofBlock, hashOf: () => hash }, own, draft)
        if (logs!.length > 0) draft.blocks.set(number, block)
      })
    }
    await this.#writer.commit(draft, checkpoint, { caughtUp: { contractId, block: null } })
  }
}
