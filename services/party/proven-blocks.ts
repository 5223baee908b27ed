import { CountersignError } from '../../protocol/errors.ts'
import { createEventProver, type EventProver } from '../../protocol/event-proof.ts'
import type { RawBlock, RawReceipt } from '../../protocol/raw-rpc.ts'
import type { JsonRpc } from './book-writer/chain-access.ts'

/** Blocks kept: records come many to a block, and readers come back to them. */
const MAX_BLOCKS = 48

/** Reads whole blocks with their receipts, held against their headers, once each however many records are asked of them. */
export class ProvenBlocks<Content> {
  readonly #rpc: JsonRpc
  readonly #contentOf: (block: RawBlock, receipts: readonly RawReceipt[], prover: EventProver) => Content
  readonly #blocks = new Map<string, Promise<Content>>()

  /** @param contentOf what is kept of a block */
  constructor(
    rpc: JsonRpc,
    contentOf: (block: RawBlock, receipts: readonly RawReceipt[], prover: EventProver) => Content,
  ) {
    this.#rpc = rpc
    this.#contentOf = contentOf
  }

  /** @throws CHAIN_UNREACHABLE, PROOF_UNBUILDABLE */
  get(block: RawBlock): Promise<Content> {
    const hash = String(block.hash)
    let proven = this.#blocks.get(hash)
    if (proven === undefined) {
      proven = this.#read(block)
      proven.catch(() => this.#blocks.delete(hash))
    } else this.#blocks.delete(hash)
    // Inserted anew, so that the first in the map is the one used longest ago.
    this.#blocks.set(hash, proven)
    if (this.#blocks.size > MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!)
    return proven
  }

  async #read(block: RawBlock): Promise<Content> {
    const receipts = await this.#receiptsOf(block)
    return this.#contentOf(block, receipts, await createEventProver({ block, receipts }))
  }

  async #receiptsOf(block: RawBlock): Promise<RawReceipt[]> {
    const receipts = await this.#rpc.send('eth_getBlockReceipts', [block.hash])
    if (!Array.isArray(receipts))
      throw new CountersignError('PROOF_UNBUILDABLE', `the node has no receipts of block ${block.hash}`)
    return receipts
  }
}
