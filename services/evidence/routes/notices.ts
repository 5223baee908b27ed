import { Type } from '../../../http/schema.ts'
import { newWebhookSecret } from '../../../http/webhooks/signing.ts'
import { EVIDENCE_VERDICTS } from '../../../protocol/credentials/evidence-verdict.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { SERIAL_PATTERN } from '../../../protocol/serial.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import { checkTarget } from '../notices/webhook-targets.ts'
import type { Routes } from './evidence-parts.ts'
import { EvidenceParams, MAX_LISTED } from './schemas.ts'

const NoticeId = Type.String({ pattern: SERIAL_PATTERN })
const NoticesQuery = Type.Object({
  cursor: Type.Optional(NoticeId),
  limit: Type.Integer({ minimum: 1, maximum: MAX_LISTED, default: 50 }),
})
const NoticesReply = Type.Object({
  notices: Type.Array(
    Type.Object({
      noticeId: NoticeId,
      ...EvidenceParams.properties,
      verdict: Type.Enum([...EVIDENCE_VERDICTS, 'unreadable'], {
        description:
          'tampered or missing; unreadable when the store alone does not give it out; any other for what had failed before',
      }),
      foundAt: Type.String({ description: 'ISO 8601' }),
    }),
    { description: 'Oldest first' },
  ),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

const WebhookRequest = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2048,
      description: 'https, to an address of the open internet, or what else the operator allows',
    }),
  },
  { additionalProperties: false },
)
const NewWebhookReply = Type.Object({
  url: Type.String(),
  secret: Type.String({ description: 'Signs what is sent; shown this once' }),
})
const nullableText = Type.Union([Type.String(), Type.Null()])
const WebhookReply = Type.Object({
  url: Type.String(),
  createdAt: Type.String({ description: 'ISO 8601' }),
  disabledAt: nullableText,
  lastError: nullableText,
  pending: Type.Integer({ description: 'Notices that are under way or wait for another attempt' }),
  dead: Type.Integer({ description: 'Notices that were given up; the list has them' }),
})
const common = { tags: ['notices'], security: [{ apiKey: [] }] }

export const noticeRoutes: Routes = (scope, { commits, upkeep }) => {
  const { notices, webhooks, targets, delivery } = upkeep

  scope.get(
    '/v1/notices',
    {
      schema: {
        ...common,
        summary: 'What checks found that changed for the worse, or back, in the last year',
        querystring: NoticesQuery,
        response: { 200: NoticesReply },
      },
    },
    (request) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      const { cursor, limit } = request.query
      const found = notices.page(request.evidenceClient, cursor, limit + 1)
      const page = found.slice(0, limit)
      return {
        notices: page.map(({ foundAt, ...notice }) => ({
          ...notice,
          foundAt: new Date(foundAt).toISOString(),
        })),
        nextCursor: found.length > limit ? page.at(-1)!.noticeId : null,
      }
    },
  )

  scope.put(
    '/v1/webhook',
    {
      schema: {
        ...common,
        summary: 'Have notices sent to a URL',
        description:
          'Each is POSTed as JSON and signed by the Standard Webhooks specification. Any 2xx takes it; anything else is tried again for ' +
          'about three days, and those found later wait for it. 410 ends it. Redirects are not followed. Each arrives at least once: its id ' +
          'tells doubles.',
        body: WebhookRequest,
        response: { 200: NewWebhookReply },
      },
    },
    async (request) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      const { href: url } = checkTarget(request.body.url, targets)
      const webhook = {
        client: request.evidenceClient,
        url,
        secret: newWebhookSecret(),
        createdAt: Date.now(),
      }
      await commits.write(() => webhooks.put(webhook))
      delivery.wake()
      return { url, secret: webhook.secret }
    },
  )

  scope.get(
    '/v1/webhook',
    { schema: { ...common, summary: "This client's webhook", response: { 200: WebhookReply } } },
    (request) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      const webhook = webhooks.find(request.evidenceClient)
      if (webhook === undefined) throw unknown()
      const { url, createdAt, disabledAt, lastError } = webhook
      return {
        url,
        createdAt: new Date(createdAt).toISOString(),
        disabledAt: disabledAt === null ? null : new Date(disabledAt).toISOString(),
        lastError,
        ...webhooks.counts(request.evidenceClient),
      }
    },
  )

  scope.delete(
    '/v1/webhook',
    {
      schema: {
        ...common,
        summary: 'Have notices sent nowhere any more',
        response: { 204: { description: 'It is gone', type: 'null' } },
      },
    },
    async (request, reply) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      if (!(await commits.write(() => webhooks.remove(request.evidenceClient)))) throw unknown()
      return reply.code(204).send(null as never)
    },
  )
}

const unknown = (): CountersignError => new CountersignError('WEBHOOK_UNKNOWN', 'this client has no webhook')
