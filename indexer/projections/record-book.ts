import { eventTopic } from '../../protocol/event-topic.ts'
import { merkleRootBytes } from '../../protocol/merkle-root.ts'
import { readBytes32 } from '../chain/raw-log.ts'
import { RpcError } from '../chain/rpc-error.ts'
import { readAbi } from './abi-reader.ts'
import type { ContractLog, DraftEntry, RowSink } from './projection.ts'

type EventReader = (log: ContractLog, sink: RowSink) => void

/** The events that every registry has. Author and root are indexed. */
export const RECORD_BOOK_EVENTS: readonly (readonly [string, EventReader])[] = [
  [eventTopic('Published(bytes32,address,(bytes32,bytes32)[])'), readPublished],
  [eventTopic('Anchored(bytes32,address,uint64,string)'), readAnchored],
]

function readPublished(log: ContractLog, sink: RowSink): void {
  const { raw, endpoint } = log
  const root = readBytes32(raw.topics[1], 'topic', endpoint)
  const data = readAbi(raw.data, endpoint)
  const { first, length } = data.array(0, 2)
  if (length === 0) throw new RpcError('malformed', endpoint, `${endpoint}: a publication without entries`)
  const key = (i: number) => data.bytes32(first + 2 * i)
  const digest = (i: number) => data.bytes32(first + 2 * i + 1)
  // The head takes in the root only. The contract made it from these entries; so must we, or an endpoint could alter one unseen.
  const derived = merkleRootBytes({ length, key, digest })
  if (Buffer.compare(derived, root) !== 0)
    throw new RpcError(
      'malformed',
      endpoint,
      `${endpoint}: published entries do not have the root they came with`,
    )
  const entries = Array.from({ length }, (_, i): DraftEntry => ({ key: key(i), digest: digest(i) }))
  sink.addPublication(log, readAuthor(log), root, entries)
}

function readAnchored(log: ContractLog, sink: RowSink): void {
  const root = readBytes32(log.raw.topics[1], 'topic', log.endpoint)
  const data = readAbi(log.raw.data, log.endpoint)
  sink.addAnchor(log, readAuthor(log), root, data.bigint(0), data.string(1))
}

/** The author in the third topic, as 40 lower-case digits. @throws RpcError (malformed) */
export function readAuthor({ raw, endpoint }: ContractLog): string {
  const topic = raw.topics[2]
  if (typeof topic !== 'string' || topic.length !== 66 || !topic.startsWith(ADDRESS_PADDING))
    throw new RpcError('malformed', endpoint, `${endpoint}: a topic is not an address`)
  return topic.slice(ADDRESS_PADDING.length)
}

const ADDRESS_PADDING = `0x${'0'.repeat(24)}`
