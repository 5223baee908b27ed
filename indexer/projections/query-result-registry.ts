import { eventTopic } from '../../protocol/event-topic.ts'
import { readBytes32 } from '../chain/raw-log.ts'
import type { ContractLog, Projection, RowSink } from './projection.ts'
import { RECORD_BOOK_EVENTS, readAuthor } from './record-book.ts'

/** `ResultRecorded(bytes32 indexed serial, address indexed provider, bytes32 digest)`: the key is the serial. */
function readResultRecorded(log: ContractLog, sink: RowSink): void {
  const { raw, endpoint } = log
  const serial = readBytes32(raw.topics[1], 'topic', endpoint)
  const digest = readBytes32(raw.data, 'event data', endpoint)
  sink.addRecord(log, readAuthor(log), serial, digest)
}

export const QUERY_RESULT_REGISTRY: Projection = {
  kind: 'QueryResultRegistry',
  headOwner: 'author',
  events: new Map([
    [eventTopic('ResultRecorded(bytes32,address,bytes32)'), readResultRecorded],
    ...RECORD_BOOK_EVENTS,
  ]),
}
