import { type Static, type TSchema, Type } from '../../http/schema.ts'
import { CREDENTIAL_ENTRY_KINDS } from '../../protocol/credentials/credential-key.ts'
import {
  BlockSchema,
  Bytes32Schema,
  CompletenessSchema,
  nullableString,
  RecordSchema,
} from '../api/schemas.ts'
import { ROOT_KINDS } from '../store/tables.ts'
import { FEED_KINDS, type FeedKind } from './feed-filter.ts'

/**
 * - `added`: it is on chain, in a block that may still be taken back
 * - `final`: its block is final, and everything up to it is indexed
 * - `retracted`: it is not on chain any more
 */
export const FEED_CHANGES = ['added', 'final', 'retracted'] as const
export type FeedChange = (typeof FEED_CHANGES)[number]
export type EventType = `${FeedKind}.${FeedChange}`

export const EVENT_TYPES: readonly EventType[] = FEED_KINDS.flatMap((kind) =>
  FEED_CHANGES.map((change): EventType => `${kind}.${change}`),
)

const FinalitySchema = Type.Enum(['pending', 'final'], { type: 'string' })
const RecordEventSchema = Type.Object({
  ...RecordSchema.properties,
  payment: Type.Optional(
    Type.Object(
      {
        orderKey: Bytes32Schema,
        office: Type.String(),
        version: Type.Integer(),
        kind: nullableString(
          'payment, correction, reversal or refund; null when nothing can be told of the payload',
        ),
        category: nullableString('What is paid for'),
        period: nullableString('"" for none'),
        visibility: nullableString('public or sealed'),
      },
      { description: 'Of a record in a registry of payments; `serial` is then its key there' },
    ),
  ),
  credential: Type.Optional(
    Type.Object(
      {
        credentialId: Type.String({ description: 'A ULID, or whatever else its issuer took for one' }),
        issuer: Type.String(),
        kind: Type.Enum([...CREDENTIAL_ENTRY_KINDS], { type: 'string' }),
        expiresAt: Type.Optional(
          Type.Unsafe<number | null>({
            type: ['integer', 'null'],
            description: 'Of an expiry: unix seconds; null past 2^53 - 1',
          }),
        ),
        reason: Type.Optional(nullableString('Of a revocation; null while the index repairs itself')),
      },
      {
        description:
          'Of a record in a registry of credentials; `serial` is then the id of an issue, and the key there of an expiry or a revocation',
      },
    ),
  ),
})
const RootSchema = Type.Object({
  chainId: Type.Integer(),
  registry: Type.String(),
  provider: Type.String({ description: 'The author' }),
  root: Bytes32Schema,
  kind: Type.Enum([...ROOT_KINDS], { type: 'string' }),
  leafCount: Type.String({ description: 'Decimal: up to 64 bits, as its author says' }),
  manifestURI: Type.Union([Type.String(), Type.Null()], { description: 'Of an anchor' }),
  transactionHash: Bytes32Schema,
  block: BlockSchema,
  logIndex: Type.Integer(),
  finality: FinalitySchema,
  completeness: CompletenessSchema,
})
const ParticipantEventSchema = Type.Object({
  chainId: Type.Integer(),
  directory: Type.String(),
  account: Type.String(),
  kind: Type.String({ description: 'registered, updated, status or book' }),
  details: Type.Object({}, { additionalProperties: true, description: 'What the kind of event says' }),
  transactionHash: Bytes32Schema,
  block: BlockSchema,
  logIndex: Type.Integer(),
  finality: FinalitySchema,
})

export type RecordEventAnswer = Static<typeof RecordEventSchema>
export type RootAnswer = Static<typeof RootSchema>
export type ParticipantEventAnswer = Static<typeof ParticipantEventSchema>

const envelope = <Kind extends FeedKind, Data extends TSchema>(kind: Kind, data: Data) => {
  const types = FEED_CHANGES.map((change) => `${kind}.${change}` as const)
  return Type.Object({
    id: Type.String({
      description:
        'Of this event, the same for all consumers of an index, however often it is sent: one that was seen may be dropped. Another index, or one made anew, numbers its commits otherwise.',
      examples: [`${kind}-31337-${'5f16f4c7'.repeat(8)}-0-0-added-17`],
    }),
    type: Type.Enum(types, { type: 'string' }),
    timestamp: Type.String({
      format: 'date-time',
      description: 'Time of the block; of a retraction, the time at which it was noticed',
    }),
    subject: Type.String({
      description:
        'What it is about, the key to keep state by: added, final and retracted events of one log entry in one block share it, in every index',
    }),
    retracts: Type.Optional(
      Type.String({
        description:
          'Only of a retraction: id of the event that no longer holds, with deliver=final the final one, else the added one. Nothing is to be done by who never saw it.',
      }),
    ),
    data,
  })
}

/** What streams and webhooks carry. */
export const EventSchema = Type.Union(
  [
    envelope('record', RecordEventSchema),
    envelope('root', RootSchema),
    envelope('participant', ParticipantEventSchema),
  ],
  {
    $id: 'Event',
    description:
      'Of a retraction, `data` is what was said before; its finality is pending, and its completeness that of its author now.',
  },
)

export interface EventDocument {
  id: string
  type: EventType
  timestamp: string
  subject: string
  retracts?: string
  data: RecordEventAnswer | RootAnswer | ParticipantEventAnswer
}
