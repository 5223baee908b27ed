import { Type } from 'typebox'
import { toAddress } from '../../../protocol/hex.ts'
import { requireScope } from '../api-key-scopes.ts'
import { OUTCOME_KINDS, type StoredOutcome, type StoredQuery } from '../store/query-store.ts'
import type { RouteGroup } from './proxy-parts.ts'
import {
  AddressSchema,
  DisclosureSchema,
  IdempotencyHeaders,
  problems,
  SECURITY,
  SerialSchema,
} from './schemas.ts'
import { sendText } from './send-text.ts'
import { getVisibleQuery } from './visible-query.ts'

const MAX_PROVIDERS = 100

const QueryBody = Type.Object(
  {
    type: Type.String({ maxLength: 40, description: 'One of GET /v1/query-types' }),
    subject: Type.Unknown({ description: 'What is asked about, by the schema of the type' }),
    parameters: Type.Optional(
      Type.Unknown({ description: 'What refines the question, by the schema of the type' }),
    ),
    providers: Type.Optional(
      Type.Array(AddressSchema, {
        minItems: 1,
        maxItems: MAX_PROVIDERS,
        description: 'Default: every active provider of the type',
      }),
    ),
    disclosure: Type.Optional(DisclosureSchema),
  },
  { additionalProperties: false },
)

const QueryReply = Type.Object({
  serial: SerialSchema,
  type: Type.String(),
  disclosure: DisclosureSchema,
  askedAt: Type.Integer({ description: 'Unix seconds' }),
  answers: Type.Array(
    Type.Object({
      provider: AddressSchema,
      name: Type.String(),
      outcome: Type.Enum([...OUTCOME_KINDS]),
      receipt: Type.Optional(
        Type.Object(
          {},
          { additionalProperties: true, description: 'With `answered`: the signed receipt, with the result' },
        ),
      ),
      error: Type.Optional(
        Type.Object({
          title: Type.String(),
          status: Type.Integer(),
          detail: Type.String(),
          code: Type.String(),
          retryable: Type.Boolean(),
        }),
      ),
    }),
  ),
})

export const queryRoutes: RouteGroup = (scope, { queries, store, idempotency }) => {
  scope.post(
    '/v1/queries',
    {
      schema: {
        tags: ['queries'],
        summary: 'Ask every active provider of a type',
        description:
          'Answers with one entry a provider; a provider that is slow, away or wrong spoils only its own. What each gave is stored before.',
        security: SECURITY,
        headers: IdempotencyHeaders,
        body: QueryBody,
        response: { 200: QueryReply, ...problems(403, 409, 413, 422, 503) },
      },
    },
    async (request, reply) => {
      const { caller, body } = request
      requireScope(caller, 'user')
      const { providers, ...question } = body
      const asked = providers && { providers: providers.map(toAddress) }
      let made: StoredQuery | undefined
      const { resource, isRepeated } = await idempotency.once(
        { caller: caller.id, key: request.headers['idempotency-key'], route: 'POST /v1/queries', body },
        async (idempotent) => {
          made = await queries.ask({ ...question, ...asked }, caller.id, idempotent)
          return made.serial
        },
      )
      if (isRepeated) reply.header('idempotency-replayed', 'true')
      return sendQuery(reply, made ?? store.queries.find(resource)!)
    },
  )

  scope.get(
    '/v1/queries/:serial',
    {
      schema: {
        tags: ['queries'],
        summary: 'What was answered then, as it was answered',
        security: SECURITY,
        params: Type.Object({ serial: SerialSchema }),
        response: { 200: QueryReply, ...problems(404) },
      },
    },
    (request, reply) =>
      sendQuery(reply, getVisibleQuery(store.queries, request.params.serial, request.caller)),
  )
}

const sendQuery = (reply: unknown, query: StoredQuery): never =>
  sendText(reply, 'application/json; charset=utf-8', writeQuery(query))

/** Receipts and errors are JSON already and go out as they are stored: the same bytes every time. */
function writeQuery({ serial, type, disclosure, askedAt, outcomes }: StoredQuery): string {
  const head = JSON.stringify({ serial, type, disclosure, askedAt: Math.floor(askedAt / 1000) })
  return `${head.slice(0, -1)},"answers":[${outcomes.map(writeOutcome).join(',')}]}`
}

function writeOutcome({ provider, name, outcome, receipt, error }: StoredOutcome): string {
  const head = JSON.stringify({ provider, name, outcome }).slice(0, -1)
  return receipt !== null ? `${head},"receipt":${receipt}}` : `${head},"error":${error ?? 'null'}}`
}
