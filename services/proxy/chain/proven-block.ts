import type { EventProof, EventProver } from '../../../protocol/event-proof.ts'
import { type Address, type Bytes32, isBytes32 } from '../../../protocol/hex.ts'
import type { RawBlock, RawReceipt } from '../../../protocol/raw-rpc.ts'
import { RESULT_RECORDED_TOPIC } from '../../../protocol/record-proof.ts'

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

/** What a proxy keeps of a block: the records in it. */
export function provenBlock(
  block: RawBlock,
  receipts: readonly RawReceipt[],
  prover: EventProver,
): ProvenBlock {
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
