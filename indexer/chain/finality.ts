import { readBlockHeader } from './block-source.ts'
import type { ChainConfig } from './chain-view.ts'
import { type Header, readHeader } from './raw-log.ts'
import type { RpcCall, RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError, RpcError } from './rpc-error.ts'

/** The chain's head, and up to which block it is final. */
export interface ChainTip {
  header: Header
  finalNumber: number
}

export const FINALIZED_BLOCK: RpcCall = { method: 'eth_getBlockByNumber', params: ['finalized', false] }
const LATEST_BLOCK: RpcCall = { method: 'eth_getBlockByNumber', params: ['latest', false] }

/**
 * What is final: blocks so far below the head, or what the chain's `finalized` tag says, never more. A development
 * node has no such tag, or one that is its head, which means nothing: then the depth counts.
 */
export class Finality {
  readonly #config: ChainConfig
  #hasTag = false
  #isTagRefused = false

  constructor(config: ChainConfig) {
    this.#config = config
  }

  /** Whether the tag is to be asked for with a head. */
  get asksTag(): boolean {
    return this.#config.finalizedTag === true && !this.#isTagRefused
  }

  /** @throws RpcError */
  async readTip(endpoint: RpcEndpoint, known: number): Promise<ChainTip> {
    if (!this.asksTag) {
      const header = await readBlockHeader(endpoint, 'latest')
      return { header, finalNumber: this.after(header, undefined, known) }
    }
    try {
      const [latest, finalized] = await endpoint.batch<[unknown, unknown]>([LATEST_BLOCK, FINALIZED_BLOCK])
      if (latest === null) throw new RpcError('not-found', endpoint.name, `${endpoint.name}: no block latest`)
      const header = readHeader(latest, endpoint.name)
      return { header, finalNumber: this.after(header, finalized, known) }
    } catch (error) {
      // A node that refuses the tag as such is asked without it from here on; one that has no such block yet is not.
      if (!isRpcError(error, 'refused') && !isRpcError(error, 'not-found')) throw error
      const header = await readBlockHeader(endpoint, 'latest')
      if (error.failure === 'refused' && !this.#hasTag) this.#isTagRefused = true
      return { header, finalNumber: this.after(header, undefined, known) }
    }
  }

  /**
   * @param finalized the block with that tag as the node answered it, if it was asked for
   * @param known what is final already: finality is not taken back
   */
  after(tip: Header, finalized: unknown, known: number): number {
    const byDepth = Math.max(tip.number - this.#config.finalityDepth, 0)
    if (this.#config.finalizedTag !== true) return Math.max(byDepth, known)
    const tagged = numberOf(finalized)
    if (tagged === undefined) return this.#hasTag ? known : Math.max(byDepth, known)
    if (tagged >= tip.number) return Math.max(byDepth, known)
    this.#hasTag = true
    return Math.max(tagged, known)
  }
}

function numberOf(block: unknown): number | undefined {
  const { number } = (block ?? {}) as { number?: unknown }
  const value = typeof number === 'string' ? Number(number) : Number.NaN
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
