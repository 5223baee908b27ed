import type { Logger } from 'pino'
import { type BlockHeader, headerOf } from '../../../protocol/block-header.ts'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import type { Address, Bytes32 } from '../../../protocol/hex.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import { type RawBlock, rawObject } from '../../../protocol/raw-rpc.ts'
import { digestSlot } from '../../../protocol/record-slots.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import { buildStorageProof } from '../../../protocol/storage-proof.ts'
import { decodeDigests, encodeDigestsOf } from '../../party/book-writer/call-data.ts'
import type { JsonRpc } from '../../party/book-writer/chain-access.ts'

/** Where a record book keeps `digest[author][key]`; see its interface. */
const DIGESTS_SLOT = 2
/** The newest block may be replaced between two questions about it. */
const ATTEMPTS = 3
/** A node may be this many blocks behind another one that was asked before. */
const MAX_LAG_BLOCKS = 16
/** For so long one answer of one node, which may have been wrong, decides about others. */
const BELIEVED_MS = 5 * 60 * 1000

export interface SlotReaderOptions {
  finalityDepth: number
  /** Seconds that the newest block may be before or after this machine's clock. */
  maxBlockAge: number
  /** Milliseconds; default five minutes. */
  believedMs?: number
}

export interface SlotReading {
  head: BlockHeader
  /** What the book has under each key; zero for nothing. */
  digests: Bytes32[]
}

/**
 * Reads the slots of an author at the newest block. They are proven up to that block's hash (EIP-1186), so that a node which lies
 * about them has to make up a whole block; of a node that has no proofs its word is taken.
 */
export class SlotReader {
  readonly #rpc: JsonRpc
  readonly #registry: Registry
  readonly #author: Address
  readonly #options: Required<SlotReaderOptions>
  readonly #logger: Logger
  /** Until then it is not asked for proofs, by `performance.now()`. */
  #provelessUntil = 0
  #highest = { number: 0, seenAt: 0 }

  constructor(rpc: JsonRpc, registry: Registry, author: Address, options: SlotReaderOptions, logger: Logger) {
    this.#rpc = rpc
    this.#registry = registry
    this.#author = author
    this.#options = { believedMs: BELIEVED_MS, ...options }
    this.#logger = logger
  }

  /** @throws CHAIN_UNREACHABLE, PROOF_UNBUILDABLE when the node's answers contradict each other, NOT_READY when it is far behind or ahead */
  async read(keys: readonly Bytes32[]): Promise<SlotReading> {
    for (let attempt = 1; ; attempt++)
      try {
        const block = rawObject(
          await this.#rpc.send('eth_getBlockByNumber', ['latest', false]),
          'the newest block',
        )
        const head = headerOf(block).header
        this.#requireRecent(head)
        const digests = await this.#digestsAt(block, head, keys)
        if (head.number >= this.#highest.number)
          this.#highest = { number: head.number, seenAt: performance.now() }
        return { head, digests }
      } catch (error) {
        if (!isCountersignError(error, 'PROOF_UNBUILDABLE') || attempt === ATTEMPTS) throw error
      }
  }

  /** An old block does not know of what was revoked since. */
  #requireRecent({ number, timestamp }: BlockHeader): void {
    const { finalityDepth, maxBlockAge, believedMs } = this.#options
    const age = Math.round(Date.now() / 1000 - timestamp)
    if (Math.abs(age) > maxBlockAge)
      throw this.#notReady(`at block ${number}, by the clock ${age} seconds old; the limit is ${maxBlockAge}`)
    const highest = performance.now() - this.#highest.seenAt < believedMs ? this.#highest.number : 0
    if (number + Math.max(finalityDepth, MAX_LAG_BLOCKS) < highest)
      throw this.#notReady(`at block ${number}, it was seen at ${highest}`)
  }

  #notReady(detail: string): CountersignError {
    return new CountersignError('NOT_READY', `the node of chain ${this.#registry.chainId} is ${detail}`)
  }

  async #digestsAt(block: RawBlock, head: BlockHeader, keys: readonly Bytes32[]): Promise<Bytes32[]> {
    if (performance.now() < this.#provelessUntil) return this.#digestsUnproven(head, keys)
    const slots = keys.map((key) => digestSlot(this.#author, key, DIGESTS_SLOT))
    const answer = await this.#rpc
      .send('eth_getProof', [this.#registry.registry, slots, toQuantity(head.number)])
      .catch((error) => {
        if (isUnsupported(error)) return undefined
        throw isCountersignError(error)
          ? error
          : new CountersignError('PROOF_UNBUILDABLE', 'the node gave no proof of the newest block', {
              cause: error,
            })
      })
    if (answer === undefined) {
      this.#provelessUntil = performance.now() + this.#options.believedMs
      this.#logger.warn(
        { chainId: this.#registry.chainId },
        'the node has no eth_getProof; its word is taken',
      )
      return this.#digestsUnproven(head, keys)
    }
    const proof = rawObject(answer, 'eth_getProof')
    const proven = await Promise.all(slots.map((slot) => buildStorageProof({ block, proof, slot })))
    for (const { address } of proven)
      if (address !== this.#registry.registry)
        throw new CountersignError('PROOF_UNBUILDABLE', 'eth_getProof: the proof is of another contract')
    return proven.map(({ value }) => value)
  }

  async #digestsUnproven({ hash }: BlockHeader, keys: readonly Bytes32[]): Promise<Bytes32[]> {
    const call = { to: this.#registry.registry, data: encodeDigestsOf(this.#author, keys) }
    const answer = await this.#rpc.send('eth_call', [call, { blockHash: hash }])
    try {
      return decodeDigests(String(answer), keys.length)
    } catch (cause) {
      throw new CountersignError('PROOF_UNBUILDABLE', 'the registry did not answer what it holds', { cause })
    }
  }
}

/** As JSON-RPC and ethers say that there is no such method. */
function isUnsupported(error: unknown): boolean {
  const { code, error: inner } = (error ?? {}) as { code?: unknown; error?: { code?: unknown } }
  return code === 'UNSUPPORTED_OPERATION' || code === -32601 || inner?.code === -32601
}
