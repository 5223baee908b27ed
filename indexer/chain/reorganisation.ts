import { CountersignError } from '../../protocol/errors.ts'
import { bytesToHex } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import type { BlockAppender } from './block-appender.ts'
import { readBlockHeaders } from './block-source.ts'
import type { ChainIdentity } from './chain-identity.ts'
import type { FollowedContracts } from './contracts.ts'
import type { ChainTip } from './finality.ts'
import { areLinked, BLOCKS_A_STEP } from './linked-headers.ts'
import { type Header, readHeader } from './raw-log.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { RpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

/** How long a head that stands still behind ours may be a slow node before it counts as a chain cut back. */
const MIN_BEHIND_GRACE_MS = 1_500
const MAX_BEHIND_GRACE_MS = 60_000
/** A node that skips so many turns of the chain is not just slow. */
const BEHIND_GRACE_BLOCKS = 3
/** Blocks with rows are looked for so far down. */
const MAX_LOOKUPS = 64

export interface ReorganisationDeps extends SyncContext {
  identity: ChainIdentity
  appender: BlockAppender
}

/** Recognises that a chain took blocks back, and puts the other branch in their place. */
export class Reorganisation {
  readonly #deps: ReorganisationDeps
  #behind: { number: number; since: number } | undefined

  constructor(deps: ReorganisationDeps) {
    this.#deps = deps
  }

  /** The chain's head is ours, or above it. */
  noteNotBehind(): void {
    this.#behind = undefined
  }

  /**
   * The chain's head is not above ours: another branch, a chain cut back, or a slow node, which is no reorganisation.
   * @returns true: there may be more to read at once
   * @throws RpcError (behind) as long as it may be a slow node
   */
  async behindOrReplace(endpoint: RpcEndpoint, contracts: FollowedContracts, tip: ChainTip): Promise<true> {
    const { view, identity } = this.#deps
    const { header } = tip
    const checkpoint = view.checkpoint!
    // Another chain may have come up behind the same address.
    await identity.check(endpoint)
    // A different hash at a known height is certain at once.
    if (await this.#differs(endpoint, header)) return this.replace(endpoint, contracts, tip)
    const isCutBack = header.number >= checkpoint.finalNumber && (await this.#isCutBack(endpoint, header))
    if (!isCutBack)
      throw new RpcError(
        'behind',
        endpoint.name,
        `${endpoint.name}: its head is block ${header.number}, block ${checkpoint.number} is indexed already`,
      )
    this.#behind = undefined
    return this.replace(endpoint, contracts, tip)
  }

  /** Whether the chain up to this head has another block than ours anywhere that we can tell. */
  async #differs(endpoint: RpcEndpoint, header: Header): Promise<boolean> {
    for (let number = header.number; number > Math.max(header.number - MAX_LOOKUPS, -1); number--) {
      const stored = await this.#storedHash(number)
      if (stored === undefined) continue
      if (number === header.number) return bytesToHex(stored) !== header.hash
      const [onChain] = await readBlockHeaders(endpoint, number, number)
      return onChain!.hash !== bytesToHex(stored)
    }
    return false
  }

  /** True once its head has stood still for several blocks' time, and no endpoint has our newest block. */
  async #isCutBack(endpoint: RpcEndpoint, header: Header): Promise<boolean> {
    const { view, rpc } = this.#deps
    const { number, hash, timestamp } = view.checkpoint!
    const now = performance.now()
    if (this.#behind?.number !== header.number) this.#behind = { number: header.number, since: now }
    const blockMs = (1000 * Math.max(timestamp - header.timestamp, 0)) / (number - header.number)
    const grace = Math.max(BEHIND_GRACE_BLOCKS * blockMs, MIN_BEHIND_GRACE_MS)
    if (now - this.#behind.since < Math.min(grace, MAX_BEHIND_GRACE_MS)) return false
    const byHash = await endpoint.request('eth_getBlockByHash', [bytesToHex(hash), false])
    return byHash === null && !(await this.#someoneHas(rpc, number, hash))
  }

  /**
   * Finds the last block that we and the chain share, rolls back to it and takes in the new branch: one commit.
   * @returns true: there may be more to read at once
   * @throws CHAIN_REORGANISED_PAST_FINALITY, and what identifying the chain throws
   */
  async replace(endpoint: RpcEndpoint, contracts: FollowedContracts, tip: ChainTip): Promise<true> {
    const { config, view, metrics, log, identity, appender } = this.#deps
    const { header, finalNumber } = tip
    const checkpoint = view.checkpoint!
    await identity.check(endpoint)
    const ancestor = await this.#commonAncestor(endpoint, header)
    if (ancestor === undefined) throw await this.#pastFinality(endpoint, header)
    const to = Math.min(header.number, Math.max(checkpoint.number, ancestor.number + BLOCKS_A_STEP))
    const headers = to > ancestor.number ? await readBlockHeaders(endpoint, ancestor.number + 1, to) : []
    // The chain moved on while it was read: look again.
    if (!areLinked([ancestor, ...headers])) return true
    await appender.append(endpoint, contracts, { headers, finalNumber, ancestor })
    view.reorganisations++
    metrics.reorganised(config.chainId, checkpoint.number - ancestor.number)
    log.warn(
      { from: checkpoint.number, ancestor: ancestor.number, to },
      'chain reorganised: rolled back and replayed',
    )
    return true
  }

  async #commonAncestor(endpoint: RpcEndpoint, tip: Header): Promise<Header | undefined> {
    const checkpoint = this.#deps.view.checkpoint!
    let to = Math.min(checkpoint.number, tip.number)
    while (to >= checkpoint.finalNumber) {
      const from = Math.max(to - BLOCKS_A_STEP + 1, checkpoint.finalNumber)
      const headers = await readBlockHeaders(endpoint, from, to)
      for (const header of headers.reverse()) {
        const stored = await this.#storedHash(header.number)
        if (stored !== undefined && bytesToHex(stored) === header.hash) return header
      }
      to = from - 1
    }
    return undefined
  }

  /** An endpoint that alone says so contradicts the others; with nobody to contradict it, it takes a person. */
  async #pastFinality(endpoint: RpcEndpoint, tip: Header): Promise<Error> {
    const { config, view, rpc } = this.#deps
    const checkpoint = view.checkpoint!
    const number = Math.min(checkpoint.number, checkpoint.finalNumber)
    const hash = await this.#storedHash(number)
    if (hash !== undefined && (await this.#someoneHas(rpc, number, hash)))
      return new RpcError(
        'contradiction',
        endpoint.name,
        `${endpoint.name}: has another block ${number}, which is final, than the index and another endpoint`,
      )
    return new CountersignError(
      'CHAIN_REORGANISED_PAST_FINALITY',
      `chain ${config.chainId} no longer has block ${number}, which counted as final (depth ${config.finalityDepth}); its head is block ${tip.number}`,
    )
  }

  /** Whether any endpoint has this block at this height now. */
  async #someoneHas(rpc: SyncContext['rpc'], number: number, hash: Uint8Array): Promise<boolean> {
    if (rpc.health().length === 1) return false
    const answers = await rpc.withEach(async (endpoint) => {
      const block = await endpoint.request('eth_getBlockByNumber', [toQuantity(number), false])
      return block !== null && readHeader(block, endpoint.name).hash === bytesToHex(hash)
    })
    return answers.some(({ result }) => result)
  }

  async #storedHash(blockNumber: number): Promise<Uint8Array | undefined> {
    const { config, store, view } = this.#deps
    const checkpoint = view.checkpoint!
    if (blockNumber === checkpoint.number) return checkpoint.hash
    return (await store.findBlock(config.chainId, blockNumber))?.hash
  }
}
