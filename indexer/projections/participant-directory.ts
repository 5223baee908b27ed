import { eventTopic } from '../../protocol/event-topic.ts'
import { bytesToHex, toAddress } from '../../protocol/hex.ts'
import { PARTICIPANT_STATUSES } from '../../protocol/roles.ts'
import { readBytes32 } from '../chain/raw-log.ts'
import { readAbi } from './abi-reader.ts'
import type { ContractLog, Projection, RowSink } from './projection.ts'

const accountOf = ({ raw, endpoint }: ContractLog): Buffer =>
  readBytes32(raw.topics[1], 'topic', endpoint).subarray(12)

/** Registration and update carry the same: roles, name, endpoint, metadata URI. */
const readDescription = (kind: 'registered' | 'updated') => (log: ContractLog, sink: RowSink) => {
  const data = readAbi(log.raw.data, log.endpoint)
  sink.addParticipantEvent(log, accountOf(log), kind, {
    roles: data.bigint(0).toString(),
    name: data.string(1),
    endpoint: data.string(2),
    metadataURI: data.string(3),
  })
}

function readStatusChanged(log: ContractLog, sink: RowSink): void {
  const status = PARTICIPANT_STATUSES[readAbi(log.raw.data, log.endpoint).number(0)]
  sink.addParticipantEvent(log, accountOf(log), 'status', { status })
}

function readBookSet(log: ContractLog, sink: RowSink): void {
  const data = readAbi(log.raw.data, log.endpoint)
  const role = readBytes32(log.raw.topics[2], 'topic', log.endpoint)[31]
  const registry = toAddress(bytesToHex(data.address(1)))
  sink.addParticipantEvent(log, accountOf(log), 'book', { role, chainId: Number(data.bigint(0)), registry })
}

export const PARTICIPANT_DIRECTORY: Projection = {
  kind: 'ParticipantDirectory',
  headOwner: 'contract',
  events: new Map([
    [
      eventTopic('ParticipantRegistered(address,uint256,string,string,string)'),
      readDescription('registered'),
    ],
    [eventTopic('ParticipantUpdated(address,uint256,string,string,string)'), readDescription('updated')],
    [eventTopic('ParticipantStatusChanged(address,uint8)'), readStatusChanged],
    [eventTopic('ParticipantBookSet(address,uint8,uint64,address)'), readBookSet],
  ]),
}
