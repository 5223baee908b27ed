import { type Static, Type } from '../../http/schema.ts'
import { AddressSchema } from '../api/schemas.ts'

export const FEED_KINDS = ['record', 'root', 'participant'] as const
export type FeedKind = (typeof FEED_KINDS)[number]

/** What of the feed somebody wants; what is left out is not asked about. */
export const FeedFilterSchema = Type.Object(
  {
    kind: Type.Optional(
      Type.Array(Type.Enum([...FEED_KINDS], { type: 'string' }), {
        minItems: 1,
        maxItems: FEED_KINDS.length,
        description: 'Kinds of events; given several times for several',
      }),
    ),
    author: Type.Optional({
      ...AddressSchema,
      description: 'Who recorded, published or anchored it; of a participant event, the account',
    }),
    chainId: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The chain that the event is on',
      }),
    ),
    registry: Type.Optional({ ...AddressSchema, description: 'The contract that the event is from' }),
  },
  { additionalProperties: false },
)
export type FeedFilter = Static<typeof FeedFilterSchema>

/** Of an event, what filters look at. Addresses in lower case. */
export interface Filterable {
  kind: FeedKind
  chainId: number
  registry: string
  author: string
}

/** The filter as a function: made once, asked for every event. */
export function matcherOf(filter: FeedFilter): (event: Filterable) => boolean {
  const { kind, chainId } = filter
  const author = filter.author?.toLowerCase()
  const registry = filter.registry?.toLowerCase()
  return (event) =>
    (kind === undefined || kind.includes(event.kind)) &&
    (author === undefined || author === event.author) &&
    (chainId === undefined || chainId === event.chainId) &&
    (registry === undefined || registry === event.registry)
}
