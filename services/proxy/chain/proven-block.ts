import { CountersignError } from '../../../protocol/errors.ts'
import { createEventProver, type EventProof, type EventProver } from '../../../protocol/event-proof.ts'
import { type Address, type Bytes32, isBytes32 } from '../../../protocol/hex.ts'
import type { RawBlock, RawReceipt } from '../../../protocol/raw-rpc.ts'
import { RESULT_RECORDED_TOPIC } from '../../../protocol/record-proof.ts'
import type { ChainRpc } from '../../party/rpc.ts'

/** One `ResultRecorded` event. */
export interface RecordedEvent {
  digest: Bytes32
  transactionHash: Bytes32
  /** Among the logs of its transaction, from 0. */
  logPosition: number
}

/** A block whose receipts were held against its header, with the records in it. */
export interface ProvenBlock {
  blockNumber: number
  blockHash: Bytes32
  /** Unix seconds. */
  timestamp: number
  find(registry: Address, author: Address, key: Bytes32): RecordedEvent | undefined
  prove(event: RecordedEvent): Promise<EventProof>
}

/** Blocks kept: the records of a busy registry come many to a block, and an audit campaign comes back to them. */
const MAX_BLOCKS = 48

/** Reads whole blocks with their receipts, once each however many records are asked of them. */
export class ProvenBlocks {
  readonly #rpc: ChainRpc
  readonly #blocks = new Map<string, Promise<ProvenBlock>>()

  constructor(rpc: ChainRpc) {
    this.#rpc = rpc
  }

  /** @throws CHAIN_UNREACHABLE, PROOF_UNBUILDABLE */
  get(block: RawBlock): Promise<ProvenBlock> {
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

  async #read(block: RawBlock): Promise<ProvenBlock> {
    const receipts = await this.#receiptsOf(block)
    const prover = await createEventProver({ block, receipts })
    return provenBlock(block, receipts, prover)
  }

  async #receiptsOf(block: RawBlock): Promise<RawReceipt[]> {
    const receipts = await this.#rpc.send('eth_getBlockReceipts', [block.hash])
    if (!Array.isArray(receipts))
      throw new CountersignError('PROOF_UNBUILDABLE', `the node has no receipts of block ${block.hash}`)
    return receipts
  }
}

function provenBlock(block: RawBlock, receipts: readonly RawReceipt[], prover: EventProver): ProvenBlock {
  const events = new Map<string, RecordedEvent>()
  for (const receipt of receipts)
    for (const [logPosition, log] of (receipt.logs as RawLog[]).entries()) {
      const [topic, key, author] = log.topics
      if (topic !== RESULT_RECORDED_TOPIC || log.topics.length !== 3 || !isBytes32(log.data)) continue
      const name = nameOf(log.address, `0x${author!.slice(26)}`, key!)
      // A key is written once under an author: a second event of it would be another contract's.
      if (!events.has(name))
        events.set(name, {
          digest: log.data,
          transactionHash: receipt.transactionHash as Bytes32,
          logPosition,
        })
    }
  return {
    blockNumber: Number(block.number),
    blockHash: block.hash as Bytes32,
    timestamp: Number(block.timestamp),
    find: (registry, author, key) => events.get(nameOf(registry, author, key)),
    prove: ({ transactionHash, logPosition }) => prover.prove(transactionHash, logPosition),
  }
}

interface RawLog {
  address: string
  topics: string[]
  data: string
}

const nameOf = (registry: string, author: string, key: string): string =>
  `${registry}:${author}:${key}`.toLowerCase()
