import { type Static, Type } from 'typebox'
import { ADDRESS_PATTERN, BYTES32_PATTERN } from '../../protocol/hex.ts'
import { PARTICIPANT_STATUSES, ROLES, type Role } from '../../protocol/roles.ts'
import { SERIAL_PATTERN } from '../../protocol/serial.ts'
import { COMPLETENESS } from '../chain/chain-view.ts'
import { RECORD_TIERS } from '../store/tables.ts'

const oneOf = <Value extends string>(values: readonly Value[], description?: string) =>
  Type.Enum([...values] as Value[], { type: 'string', ...(description === undefined ? {} : { description }) })

export const Bytes32Schema = Type.String({ pattern: BYTES32_PATTERN })
export const AddressSchema = Type.String({
  pattern: ADDRESS_PATTERN,
  description: 'Ethereum address; mixed case must have a right EIP-55 checksum',
})
export const SerialSchema = Type.String({
  pattern: SERIAL_PATTERN,
  description: 'ULID that the proxy answered with',
})
export const TimeSchema = Type.Integer({ minimum: 0, description: 'Unix seconds' })

const BlockSchema = Type.Object({
  number: Type.Integer(),
  hash: Bytes32Schema,
  timestamp: TimeSchema,
})

const CompletenessSchema = oneOf(COMPLETENESS, 'Whether the heads folded from the index are those on chain')

export const StandingSchema = Type.Object(
  {
    chainId: Type.Integer(),
    chain: Type.String(),
    block: BlockSchema,
    finalBlock: Type.Integer({ description: 'Blocks up to this number are final' }),
    tipBlock: Type.Optional(Type.Integer({ description: 'Newest block seen on the chain' })),
    state: oneOf(['starting', 'syncing', 'following', 'unreachable', 'stopped']),
    completeness: CompletenessSchema,
  },
  { description: 'The block at which an answer stands, of one chain' },
)
export type Standing = Static<typeof StandingSchema>

export const RecordSchema = Type.Object({
  chainId: Type.Integer(),
  registry: Type.String(),
  serial: Type.String(),
  provider: Type.String(),
  digest: Bytes32Schema,
  tier: oneOf(RECORD_TIERS, 'recorded: with a storage slot; published: in the event only'),
  transactionHash: Bytes32Schema,
  block: BlockSchema,
  logIndex: Type.Integer({ description: 'Position among the logs of the block' }),
  entryIndex: Type.Integer({ description: 'Position in its publication; 0 otherwise' }),
  finality: oneOf(['pending', 'final']),
  completeness: CompletenessSchema,
  authorStatus: oneOf(PARTICIPANT_STATUSES, "The author's status in the directory at the time of the block"),
  suspended: Type.Boolean({ description: 'Recorded while its author was suspended' }),
  repeated: Type.Boolean({
    description: 'The author wrote this key earlier: that record counts, not this one',
  }),
})
export type RecordAnswer = Static<typeof RecordSchema>

export const OrphanSchema = Type.Object({
  chainId: Type.Integer(),
  registry: Type.String(),
  provider: Type.String(),
  digest: Bytes32Schema,
  transactionHash: Bytes32Schema,
  block: BlockSchema,
  logIndex: Type.Integer(),
  orphanedAt: TimeSchema,
})

export const HeadSchema = Type.Object({
  chainId: Type.Integer(),
  registry: Type.String(),
  head: Bytes32Schema,
  entryCount: Type.Integer({ description: 'Entries the head has taken in' }),
  lastBlock: Type.Union([Type.Integer(), Type.Null()], { description: 'Block of the last entry' }),
  verifiedAtBlock: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Block at which the head was last equal to the one on chain',
  }),
  completeness: CompletenessSchema,
})
export type HeadAnswer = Static<typeof HeadSchema>

export const ParticipantSchema = Type.Object({
  account: Type.String(),
  roles: Type.Array(oneOf(Object.keys(ROLES) as Role[])),
  status: oneOf(PARTICIPANT_STATUSES),
  name: Type.String(),
  endpoint: Type.String(),
  metadataURI: Type.String(),
  registeredAt: TimeSchema,
  changedAt: TimeSchema,
  statusHistory: Type.Array(Type.Object({ status: oneOf(PARTICIPANT_STATUSES), since: TimeSchema })),
  books: Type.Array(
    Type.Object({
      role: oneOf(Object.keys(ROLES) as Role[]),
      chainId: Type.Integer(),
      registry: Type.String(),
      since: TimeSchema,
    }),
  ),
  finality: oneOf(['pending', 'final'], 'Of the registration'),
})

export const LimitSchema = Type.Integer({ minimum: 1, maximum: 200, default: 50 })
export const CursorSchema = Type.String({ maxLength: 2048, description: 'From the page before, unchanged' })

export const PROBLEM_RESPONSES = { 400: Type.Ref('Problem'), 503: Type.Ref('Problem') }
