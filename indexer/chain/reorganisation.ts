import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import type { BlockAppender } from './block-appender.ts'
import type { ChainIdentity } from './chain-identity.ts'
import type { FollowedContracts } from './contracts.ts'
import { areLinked, BLOCKS_A_STEP } from './linked-headers.ts'
import { readBlockHeaders } from './log-source.ts'
import type { Header } from './raw-log.ts'
import type { SyncContext } from './sync-context.ts'

/** How long a head behind ours may be a slow node before it counts as a chain cut back. */
const BEHIND_GRACE_MS = 1_500

export interface ReorganisationDeps extends SyncContext {
  identity: ChainIdentity
  appender: BlockAppender
}

/** Recognises that a chain took blocks back, and puts the other branch in their place. */
export class Reorganisation {
  readonly #deps: ReorganisationDeps
  #behindSince: number | undefined

  constructor(deps: ReorganisationDeps) {
    this.#deps = deps
  }

  /** The chain's head is ours, or above it. */
  noteNotBehind(): void {
    this.#behindSince = undefined
  }

  /**
   * The chain's head is not above ours: a slow node, a chain cut back, or another branch.
   * @returns true when there may be more to read at once
   */
  async behindOrReplace(contracts: FollowedContracts, tip: Header): Promise<boolean> {
    const { rpc, view } = this.#deps
    const checkpoint = view.checkpoint!
    const stored = await this.#storedHash(tip.number)
    if (stored !== undefined && bytesToHex(stored) !== tip.hash) return this.replace(contracts, tip)
    this.#behindSince ??= Date.now()
    if (Date.now() - this.#behindSince < BEHIND_GRACE_MS) return false
    const block = await rpc.request('eth_getBlockByHash', [bytesToHex(checkpoint.hash), false])
    if (block !== null) return false
    this.#behindSince = undefined
    return this.replace(contracts, tip)
  }

  /**
   * Finds the last block that we and the chain share, rolls back to it and takes in the new branch: one commit.
   * @returns true: there may be more to read at once
   * @throws CHAIN_REORGANISED_PAST_FINALITY, and what identifying the chain throws
   */
  async replace(contracts: FollowedContracts, tip: Header): Promise<true> {
    const { config, rpc, view, metrics, log, identity, appender } = this.#deps
    const checkpoint = view.checkpoint!
    await rpc.withEndpoint((endpoint) => identity.check(endpoint))
    const ancestor = await this.#commonAncestor(tip)
    if (ancestor === undefined)
      throw new CountersignError(
        'CHAIN_REORGANISED_PAST_FINALITY',
        `chain ${config.chainId} no longer has block ${Math.min(checkpoint.number, checkpoint.finalNumber)}, which counted as final (depth ${config.finalityDepth}); its head is block ${tip.number}`,
      )
    const to = Math.min(tip.number, Math.max(checkpoint.number, ancestor.number + BLOCKS_A_STEP))
    const headers =
      to > ancestor.number
        ? await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, ancestor.number + 1, to))
        : []
    if (!areLinked([ancestor, ...headers])) return true
    await appender.append(contracts, headers, tip, ancestor)
    view.reorganisations++
    metrics.reorganised(config.chainId, checkpoint.number - ancestor.number)
    log.warn(
      { from: checkpoint.number, ancestor: ancestor.number, to },
      'chain reorganised: rolled back and replayed',
    )
    return true
  }

  async #commonAncestor(tip: Header): Promise<Header | undefined> {
    const { rpc, view } = this.#deps
    const checkpoint = view.checkpoint!
    let to = Math.min(checkpoint.number, tip.number)
    while (to >= checkpoint.finalNumber) {
      const from = Math.max(to - BLOCKS_A_STEP + 1, checkpoint.finalNumber)
      const headers = await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, from, to))
      for (const header of headers.reverse()) {
        const stored = await this.#storedHash(header.number)
        if (stored !== undefined && bytesToHex(stored) === header.hash) return header
      }
      to = from - 1
    }
    return undefined
  }

  async #storedHash(blockNumber: number): Promise<Uint8Array | undefined> {
    const { config, store, view } = this.#deps
    const checkpoint = view.checkpoint!
    if (blockNumber === checkpoint.number) return checkpoint.hash
    return (await store.findBlock(config.chainId, blockNumber))?.hash
  }
}
