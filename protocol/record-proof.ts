import { CountersignError } from './errors.ts'
import { type EventProof, verifyEventProof } from './event-proof.ts'
import { eventTopic } from './event-topic.ts'
import { type Address, type Bytes32, isBytes32, isSameAddress } from './hex.ts'
import type { Registry } from './registry-domain.ts'
import { type Serial, serialToKey } from './serial.ts'

/** `keccak256` of the event's signature: its first topic. */
export const RESULT_RECORDED_TOPIC: Bytes32 = eventTopic('ResultRecorded(bytes32,address,bytes32)')

export interface ProvenRecord {
  digest: Bytes32
  blockNumber: number
  blockHash: Bytes32
  /** Unix seconds. */
  timestamp: number
}

/**
 * Checks that `proof` proves a `ResultRecorded` of this registry, provider and serial, and says which digest it recorded, and when.
 * Holds up to the block hash: whether that block is part of the chain, only a node of the chain can say.
 * @throws PROOF_INVALID
 */
export async function verifyResultRecorded(
  proof: EventProof,
  { registry, provider, serial }: Pick<Registry, 'registry'> & { provider: Address; serial: Serial },
): Promise<ProvenRecord> {
  const { log, ...block } = await verifyEventProof(proof)
  if (!isSameAddress(log.address, registry))
    throw wrong(`the log is of contract ${log.address}, not of ${registry}`)
  const [topic, key, author] = log.topics
  if (log.topics.length !== 3 || topic !== RESULT_RECORDED_TOPIC)
    throw wrong('the log is not a ResultRecorded event')
  if (key !== serialToKey(serial)) throw wrong(`the event is of another serial than ${serial}`)
  if (!isSameAddress(`0x${author?.slice(26)}`, provider))
    throw wrong(`the event is of another provider than ${provider}`)
  if (!isBytes32(log.data)) throw wrong('the event has no digest')
  return { digest: log.data, ...block }
}

const wrong = (reason: string): CountersignError =>
  new CountersignError('PROOF_INVALID', `event proof: ${reason}`)
