import { bytesToHex } from '../../protocol/hex.ts'
import type { BlockAppender } from './block-appender.ts'
import { readBlockHeaders, readBlocks } from './block-source.ts'
import { type FollowedContracts, toFollowed } from './contracts.ts'
import type { IndexedContract } from './decode-logs.ts'
import { type ChainTip, FINALIZED_BLOCK, type Finality } from './finality.ts'
import { areLinked, BLOCKS_A_STEP } from './linked-headers.ts'
import type { RangeReader } from './range-reader.ts'
import type { Header } from './raw-log.ts'
import type { Reorganisation } from './reorganisation.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'
import type { HeadHint, WakeUp } from './wake-up.ts'

export interface ChainFollowerDeps extends SyncContext {
  appender: BlockAppender
  finality: Finality
  ranges: RangeReader
  reorganisation: Reorganisation
  wakeUp: WakeUp
}

/** A gap of final blocks longer than this is read by ranges; a shorter one block by block, which proves more. */
const RANGE_GAP = 32

/** Takes in what the chain has beyond the checkpoint, a step at a time. Each step asks one endpoint. */
export class ChainFollower {
  readonly #deps: ChainFollowerDeps
  #followed: FollowedContracts = toFollowed([])
  /** Contracts that came into the address book later and are not read up to the others yet. */
  #late: readonly IndexedContract[] = []

  constructor(deps: ChainFollowerDeps) {
    this.#deps = deps
  }

  follow(contracts: readonly IndexedContract[]): void {
    this.#late = contracts.filter(({ stored }) => stored.caughtUpTo !== null)
    this.#followed = toFollowed(contracts.filter(({ stored }) => stored.caughtUpTo === null))
  }

  /** @returns true when there may be more to read at once */
  async step(): Promise<boolean> {
    if (this.#late.length > 0) await this.#catchUp()
    const hints = this.#deps.wakeUp.takeHints()
    return this.#deps.rpc.withEndpoint(
      async (endpoint) => (await this.#takeHinted(endpoint, hints)) ?? this.#look(endpoint),
    )
  }

  async #catchUp(): Promise<void> {
    const { ranges, view } = this.#deps
    try {
      for (const contract of this.#late) await ranges.catchUp(contract)
      this.follow(view.contracts)
    } catch (error) {
      // An indexed block is not the chain's any more: the others are followed to its new branch first.
      if (!isRpcError(error, 'not-found')) throw error
    }
  }

  /**
   * Takes in blocks that announcements named, if they continue the index: headers and logs in one round trip.
   * @returns undefined when they do not, or nothing was announced: then the chain is to be looked at
   */
  async #takeHinted(endpoint: RpcEndpoint, hints: readonly HeadHint[]): Promise<boolean | undefined> {
    const { view, appender, finality } = this.#deps
    const linked = linkedHints(hints, bytesToHex(view.checkpoint!.hash)).slice(0, appender.blocksARequest)
    if (linked.length === 0) return undefined
    const calls = finality.asksTag ? [FINALIZED_BLOCK] : []
    try {
      const { headers, logs, more } = await readBlocks(
        endpoint,
        this.#followed.filter,
        linked.map(({ hash }) => hash),
        calls,
      )
      const tip = headers.at(-1)!
      if (headers[0]!.parentHash !== bytesToHex(view.checkpoint!.hash) || !areLinked(headers))
        return undefined
      this.#noteTip(tip)
      const finalNumber = finality.after(tip, more[0], view.checkpoint!.finalNumber)
      await appender.append(endpoint, this.#followed, { headers, finalNumber, logs })
      return hints.at(-1)!.hash !== tip.hash
    } catch (error) {
      // Who announces may be ahead of who is asked, or take the block back already.
      if (isRpcError(error) && PASSED_OVER.includes(error.failure)) return undefined
      throw error
    }
  }

  async #look(endpoint: RpcEndpoint): Promise<boolean> {
    const { view, appender, finality, reorganisation, wakeUp } = this.#deps
    const checkpoint = view.checkpoint!
    const tip = await finality.readTip(endpoint, checkpoint.finalNumber)
    const { header, finalNumber } = tip
    this.#noteTip(header)
    wakeUp.noteHead(header.number)
    const isKnown = header.hash === bytesToHex(checkpoint.hash)
    if (isKnown || header.number > checkpoint.number) reorganisation.noteNotBehind()
    if (isKnown) return false
    if (header.number <= checkpoint.number)
      return reorganisation.behindOrReplace(endpoint, this.#followed, tip)
    if (header.number === checkpoint.number + 1) {
      if (header.parentHash !== bytesToHex(checkpoint.hash))
        return reorganisation.replace(endpoint, this.#followed, tip)
      await appender.append(endpoint, this.#followed, { headers: [header], finalNumber })
      return false
    }
    view.state = 'syncing'
    if (finalNumber - checkpoint.number > RANGE_GAP) return this.#backfill(endpoint, tip)
    const to = Math.min(checkpoint.number + BLOCKS_A_STEP, header.number)
    const headers = await readBlockHeaders(endpoint, checkpoint.number + 1, to)
    if (!areLinked(headers)) return true
    if (headers[0]!.parentHash !== bytesToHex(checkpoint.hash))
      return reorganisation.replace(endpoint, this.#followed, tip)
    await appender.append(endpoint, this.#followed, { headers, finalNumber })
    return true
  }

  async #backfill(endpoint: RpcEndpoint, tip: ChainTip): Promise<true> {
    const { view, ranges, reorganisation } = this.#deps
    const { number, hash } = view.checkpoint!
    const [onChain] = await readBlockHeaders(endpoint, number, number)
    if (onChain!.hash !== bytesToHex(hash)) return reorganisation.replace(endpoint, this.#followed, tip)
    await ranges.backfill(this.#followed, tip.finalNumber)
    return true
  }

  #noteTip({ number, timestamp }: Header): void {
    const { view, config, metrics } = this.#deps
    view.tip = { number, timestamp }
    metrics.tip(config.chainId, number, timestamp)
  }
}

const PASSED_OVER = ['not-found', 'refused', 'range-too-large'] as readonly string[]

/** The announced blocks that continue from a block, each the parent of the next. */
function linkedHints(hints: readonly HeadHint[], from: string): HeadHint[] {
  const linked: HeadHint[] = []
  let parent = from
  for (const hint of hints)
    if (hint.parentHash === parent) {
      linked.push(hint)
      parent = hint.hash
    }
  return linked
}
