import { problemResponse } from '../../http/problem.ts'
import { type Static, Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { EventDocument } from '../feed/event-schemas.ts'
import { DELIVERIES } from '../feed/feed-cursor.ts'
import { FeedFilterSchema } from '../feed/feed-filter.ts'
import type { DeliveryRow } from '../store/webhook-store.ts'
import type { WebhookDelivery, WebhookWithState } from '../webhooks/webhook-delivery.ts'
import { adminOnly } from './admin-token.ts'
import { LimitSchema, nullableString, PROBLEM_RESPONSES } from './schemas.ts'

const DeliverSchema = Type.Enum([...DELIVERIES], {
  type: 'string',
  description: 'instant: at once, with retractions; final: once final; both: twice',
})
const WebhookRequest = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'http or https, without user name and password',
    }),
    deliver: DeliverSchema,
    filter: Type.Optional(FeedFilterSchema),
    startAt: Type.Optional(
      Type.Enum(['now', 'beginning'], {
        type: 'string',
        default: 'now',
        description: 'beginning: at the first block',
      }),
    ),
  },
  { additionalProperties: false },
)
const TimeText = Type.String({ format: 'date-time' })
const WebhookSchema = Type.Object({
  id: Type.String(),
  url: Type.String(),
  deliver: DeliverSchema,
  filter: FeedFilterSchema,
  createdAt: TimeText,
  disabledAt: nullableString(
    'When it was given up: the receiver answered 410, or the feed no longer goes back so far',
  ),
  pending: Type.Integer({ description: 'Deliveries that are under way or wait for another attempt' }),
  lastDeliveredAt: nullableString('Since the indexer was started'),
  lastError: nullableString('Why the last attempt failed; null once one succeeded'),
})
const DeadLetterSchema = Type.Object({
  eventId: Type.String(),
  attempts: Type.Integer(),
  lastError: nullableString('Why the last attempt failed'),
  createdAt: TimeText,
  event: Type.Unsafe<EventDocument>({ $ref: 'Event' }),
})
const IdSchema = Type.String({ minLength: 1, maxLength: 64, description: 'Id of the webhook' })
const IdParams = Type.Object({ id: IdSchema })
const EventParams = Type.Object({
  id: IdSchema,
  eventId: Type.String({ minLength: 1, maxLength: 256, description: 'Id of the event' }),
})

const RESPONSES = {
  401: problemResponse('No valid admin token'),
  404: problemResponse('No such webhook; or this indexer has no admin token, and so no webhooks'),
  ...PROBLEM_RESPONSES,
}
const answer = (description: string, schema: Static<never> | object) => ({
  description,
  content: { 'application/json': { schema } },
})

export interface WebhookRouteDeps {
  delivery: WebhookDelivery
  /** Undefined: the routes answer as if there were none. */
  adminToken: string | undefined
}

/** Managing webhooks, for who has the admin token. */
export function addWebhookRoutes(server: HttpServer, { delivery, adminToken }: WebhookRouteDeps): void {
  const preParsing = adminOnly(adminToken)
  const common = { tags: ['webhooks'], security: [{ adminToken: [] }] }

  server.post(
    '/v1/webhooks',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'createWebhook',
        summary: 'Have events sent to a URL',
        description:
          'Each event is POSTed as JSON (Event; a ping has the type `ping`), signed by the Standard Webhooks specification with the secret that only this answer shows. Any 2xx takes it; anything else, and no answer within 15 s, is tried again for about three days (after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h), then it is a dead letter. 410 disables the webhook. Redirects are not followed. Each event arrives at least once: its id tells doubles. Attempts begin in the order of the events, up to four at a time, and one that failed does not hold up the others; but of events with the same subject each waits for the one before.',
        body: WebhookRequest,
        response: {
          201: answer('The webhook', Type.Object({ webhook: WebhookSchema, secret: Type.String() })),
          409: problemResponse('There are too many webhooks'),
          ...RESPONSES,
        },
      },
    },
    async ({ body }, reply) => {
      const { url, deliver, filter = {}, startAt = 'now' } = body
      checkUrl(url)
      const { secret, id } = await delivery.create({ url, deliver, filter, startAt })
      return reply.code(201).send({ webhook: shown(await delivery.get(id)), secret })
    },
  )

  server.get(
    '/v1/webhooks',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'listWebhooks',
        summary: 'All webhooks',
        response: {
          200: answer('In order of creation', Type.Object({ webhooks: Type.Array(WebhookSchema) })),
          ...RESPONSES,
        },
      },
    },
    async () => ({ webhooks: (await delivery.list()).map(shown) }),
  )

  server.get(
    '/v1/webhooks/:id',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'getWebhook',
        summary: 'One webhook',
        params: IdParams,
        response: { 200: answer('The webhook', Type.Object({ webhook: WebhookSchema })), ...RESPONSES },
      },
    },
    async ({ params }) => ({ webhook: shown(await delivery.get(params.id)) }),
  )

  server.delete(
    '/v1/webhooks/:id',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'deleteWebhook',
        summary: 'Send nothing more, not even what is pending',
        params: IdParams,
        response: { 204: { description: 'Deleted', type: 'null' }, ...RESPONSES },
      },
    },
    async ({ params }, reply) => {
      await delivery.remove(params.id)
      return reply.code(204).send(null)
    },
  )

  server.post(
    '/v1/webhooks/:id/test',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'testWebhook',
        summary: 'Send a ping now, once, and say what came of it',
        params: IdParams,
        response: {
          200: answer(
            'What came of it',
            Type.Object({
              delivered: Type.Boolean(),
              status: Type.Union([Type.Integer(), Type.Null()]),
              reason: nullableString('Why not'),
            }),
          ),
          ...RESPONSES,
        },
      },
    },
    async ({ params }) => {
      const result = await delivery.ping(params.id)
      const isDelivered = result.outcome === 'delivered'
      return { delivered: isDelivered, status: result.status, reason: isDelivered ? null : result.reason }
    },
  )

  server.get(
    '/v1/webhooks/:id/dead-letters',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'listDeadLetters',
        summary: 'Events that were given up',
        params: IdParams,
        querystring: Type.Object({ limit: Type.Optional(LimitSchema) }),
        response: {
          200: answer('Newest first', Type.Object({ deadLetters: Type.Array(DeadLetterSchema) })),
          ...RESPONSES,
        },
      },
    },
    async ({ params, query }) => ({
      deadLetters: (await delivery.deadLetters(params.id, query.limit ?? 50)).map(deadLetter),
    }),
  )

  server.post(
    '/v1/webhooks/:id/dead-letters/:eventId/redeliver',
    {
      preParsing,
      schema: {
        ...common,
        operationId: 'redeliverDeadLetter',
        summary: 'Try a dead letter anew',
        description: 'It may then arrive after events that followed it.',
        params: EventParams,
        response: { 202: { description: 'It is pending again', type: 'null' }, ...RESPONSES },
      },
    },
    async ({ params }, reply) => {
      await delivery.redeliver(params.id, params.eventId)
      return reply.code(202).send(null)
    },
  )
}

/** @throws WEBHOOK_URL_INVALID */
function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
    return
  throw new CountersignError(
    'WEBHOOK_URL_INVALID',
    'body/url is no http or https URL without user name and password',
  )
}

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/** Without the secret. */
const shown = ({
  id,
  url,
  deliver,
  filter,
  createdAt,
  disabledAt,
  pending,
  lastDeliveredAt,
  lastError,
}: WebhookWithState) => ({
  id,
  url,
  deliver,
  filter: filter as Static<typeof FeedFilterSchema>,
  createdAt: time(createdAt)!,
  disabledAt: time(disabledAt),
  pending,
  lastDeliveredAt: time(lastDeliveredAt),
  lastError,
})

const deadLetter = ({ eventId, attempts, lastError, createdAt, body }: DeliveryRow) => ({
  eventId,
  attempts,
  lastError,
  createdAt: time(createdAt)!,
  event: JSON.parse(body),
})
