import { type Address, bytesToHex, toAddress } from '../../protocol/hex.ts'
import { type ParticipantStatus, ROLES, type Role, rolesOf } from '../../protocol/roles.ts'
import type { ParticipantEventRow } from '../store/store.ts'

export interface ParticipantBook {
  role: Role
  chainId: number
  registry: Address
  /** Unix seconds. */
  since: number
}

export interface Participant {
  account: Address
  roles: Role[]
  status: ParticipantStatus
  name: string
  endpoint: string
  metadataURI: string
  /** Unix seconds. */
  registeredAt: number
  /** Block of the registration, on the directory's chain. */
  registeredBlock: number
  changedAt: number
  /** In the order of time; the last counts. */
  statusHistory: { status: ParticipantStatus; since: number }[]
  /** All books ever named, in the order of time. */
  books: ParticipantBook[]
}

export type Participants = ReadonlyMap<Address, Participant>

/** Folds the directory's events, in chain order, into what it says now; in order of registration. */
export function foldParticipants(events: readonly ParticipantEventRow[]): Participants {
  const participants = new Map<Address, Participant>()
  for (const event of events) {
    const account = toAddress(bytesToHex(event.account))
    const details = JSON.parse(event.details)
    if (event.kind === 'registered') participants.set(account, newParticipant(account, event))
    const participant = participants.get(account)
    if (participant === undefined) continue
    apply(participant, event, details)
  }
  return participants
}

const newParticipant = (account: Address, { blockTime, blockNumber }: ParticipantEventRow): Participant => ({
  account,
  roles: [],
  status: 'none',
  name: '',
  endpoint: '',
  metadataURI: '',
  registeredAt: blockTime,
  registeredBlock: blockNumber,
  changedAt: blockTime,
  statusHistory: [],
  books: [],
})

function apply(participant: Participant, { kind, blockTime }: ParticipantEventRow, details: Details): void {
  if (kind === 'book') {
    const role = (Object.keys(ROLES) as Role[]).find((name) => ROLES[name] === details.role)
    if (role !== undefined)
      participant.books.push({
        role,
        chainId: details.chainId,
        registry: details.registry,
        since: blockTime,
      })
    return
  }
  participant.changedAt = blockTime
  if (kind === 'status') {
    participant.status = details.status
    participant.statusHistory.push({ status: details.status, since: blockTime })
    return
  }
  participant.roles = rolesOf(BigInt(details.roles))
  participant.name = details.name
  participant.endpoint = details.endpoint
  participant.metadataURI = details.metadataURI
}

interface Details {
  role: number
  chainId: number
  registry: Address
  status: ParticipantStatus
  roles: string
  name: string
  endpoint: string
  metadataURI: string
}

/** The status at the end of second `timestamp`, as the contract's `statusAt`. */
export function statusAt(participant: Participant | undefined, timestamp: number): ParticipantStatus {
  let status: ParticipantStatus = 'none'
  for (const change of participant?.statusHistory ?? []) {
    if (change.since > timestamp) break
    status = change.status
  }
  return status
}
