import { problemResponse } from '../../http/problem.ts'
import { type Static, type TSchema, Type } from '../../http/schema.ts'
import { ADDRESS_PATTERN, BYTES32_PATTERN } from '../../protocol/hex.ts'
import { PARTICIPANT_STATUSES, ROLES, type Role } from '../../protocol/roles.ts'
import { SERIAL_PATTERN } from '../../protocol/serial.ts'
import { COMPLETENESS } from '../chain/chain-view.ts'
import { RECORD_TIERS } from '../store/tables.ts'

const oneOf = <Value extends string>(values: readonly Value[], description?: string) =>
  Type.Enum([...values] as Value[], { type: 'string', ...(description === undefined ? {} : { description }) })

/** A component of the OpenAPI document, referred to by name. */
const named = <Schema extends TSchema>(name: string, _schema: Schema) =>
  Type.Unsafe<Static<Schema>>({ $ref: name })

/** A union with null would be told apart by a validator for each answer. */
export const nullableString = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description })

export const Bytes32Schema = Type.String({
  pattern: BYTES32_PATTERN,
  examples: ['0x5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02'],
})
export const AddressSchema = Type.String({
  pattern: ADDRESS_PATTERN,
  description: 'Ethereum address; mixed case must have a right EIP-55 checksum',
  examples: ['0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'],
})
export const SerialSchema = Type.String({
  pattern: SERIAL_PATTERN,
  description: 'ULID that the proxy answered with',
  examples: ['01M7Z5AHHBJK3N86CZZM29XR20'],
})
export const TimeSchema = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Unix seconds',
  examples: [1_795_268_363],
})

export const BlockSchema = Type.Object({
  number: Type.Integer(),
  hash: Bytes32Schema,
  timestamp: TimeSchema,
})

export const CompletenessSchema = oneOf(
  COMPLETENESS,
  'Whether the heads folded from the index are those on chain',
)

export const StandingSchema = Type.Object(
  {
    chainId: Type.Integer(),
    chain: Type.String(),
    block: BlockSchema,
    finalBlock: Type.Integer({ description: 'Blocks up to this number are final' }),
    tipBlock: Type.Optional(Type.Integer({ description: 'Newest block seen on the chain' })),
    state: oneOf(['starting', 'syncing', 'following', 'unreachable', 'stopped']),
    completeness: CompletenessSchema,
    replica: Type.Optional(
      Type.Object(
        {
          lagSeconds: Type.Union([Type.Integer(), Type.Null()], {
            description: 'How far the replica is behind; null when it has not been told anything yet',
          }),
        },
        { description: 'Set when the answer comes from a replica of the database' },
      ),
    ),
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

export const PARTICIPANT_ROLES = Object.keys(ROLES) as Role[]

export const ParticipantSchema = Type.Object({
  account: Type.String(),
  roles: Type.Array(oneOf(PARTICIPANT_ROLES)),
  status: oneOf(PARTICIPANT_STATUSES),
  name: Type.String(),
  endpoint: Type.String(),
  metadataURI: Type.String(),
  registeredAt: TimeSchema,
  changedAt: TimeSchema,
  statusHistory: Type.Array(Type.Object({ status: oneOf(PARTICIPANT_STATUSES), since: TimeSchema })),
  books: Type.Array(
    Type.Object({
      role: oneOf(PARTICIPANT_ROLES),
      chainId: Type.Integer(),
      registry: Type.String(),
      since: TimeSchema,
    }),
  ),
  finality: oneOf(['pending', 'final'], 'Of the registration'),
})

export const limitSchema = (fallback: number) =>
  Type.Integer({ minimum: 1, maximum: 200, default: fallback, description: 'Entries of a page at most' })
export const LimitSchema = limitSchema(50)
export const CursorSchema = Type.String({
  minLength: 1,
  maxLength: 4096,
  description: '`next` of the page before, unchanged. It holds only for the same filters.',
})
export const NextSchema = nullableString('Cursor of the next page; null after the last')

/** What `asOf` was taken to mean for one chain. */
const AsOfBlockSchema = Type.Object(
  {
    chainId: Type.Integer(),
    number: Type.Integer({ description: 'The chain is answered for up to this block; -1: nothing of it' }),
    block: Type.Union([BlockSchema, Type.Null()], {
      description:
        'The newest block up to there that the index keeps: between the two the chain has no event of an indexed contract. Null when there is none.',
    }),
    finality: oneOf(['pending', 'final'], 'Of the block, now: a pending one may still be taken back'),
  },
  { description: 'The block of one chain at which an answer with `asOf` stands' },
)
export const AsOfAnswerSchema = Type.Optional(
  Type.Array(Type.Unsafe<Static<typeof AsOfBlockSchema>>({ $ref: 'AsOfBlock' }), {
    description: 'Only with `asOf`: the block that the answer stands at, of each chain answered for',
  }),
)

export const StandingRef = named('Standing', StandingSchema)
export const RecordRef = named('Record', RecordSchema)
export const OrphanRef = named('OrphanedRecord', OrphanSchema)
export const HeadRef = named('Head', HeadSchema)
export const ParticipantRef = named('Participant', ParticipantSchema)
export const StandingsSchema = Type.Array(StandingRef, { description: 'Where each chain stands now' })

/** To be added to the server before the routes. */
export const SHARED_SCHEMAS: readonly TSchema[] = Object.entries({
  Standing: StandingSchema,
  Record: RecordSchema,
  OrphanedRecord: OrphanSchema,
  Head: HeadSchema,
  Participant: ParticipantSchema,
  AsOfBlock: AsOfBlockSchema,
}).map(([$id, schema]) => ({ ...schema, $id }))

export const PROBLEM_RESPONSES = {
  400: problemResponse('The request is malformed'),
  429: problemResponse('Too many requests from this address; Retry-After says for how many seconds'),
  503: problemResponse('The index cannot answer right now'),
  default: problemResponse(),
}
