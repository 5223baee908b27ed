import { Type } from 'typebox'
import { CountersignError } from '../../../protocol/errors.ts'
import { toAddress } from '../../../protocol/hex.ts'
import { requireScope } from '../api-key-scopes.ts'
import type { CampaignProgress } from '../campaign-service.ts'
import type { RouteGroup } from './proxy-parts.ts'
import {
  AddressSchema,
  IdempotencyHeaders,
  problems,
  SECURITY,
  SerialSchema,
  TimeSchema,
  VerdictSchema,
} from './schemas.ts'
import { sendText } from './send-text.ts'

const MAX_SAMPLE = 100_000

const CampaignBody = Type.Object(
  {
    provider: AddressSchema,
    from: Type.Optional(TimeSchema),
    to: Type.Optional(TimeSchema),
    sampleSize: Type.Integer({
      minimum: 1,
      maximum: MAX_SAMPLE,
      description: 'Serials to audit; all when there are fewer',
    }),
    confidence: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Default 0.95' }),
    ),
  },
  { additionalProperties: false },
)

const CampaignReply = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal('running'), Type.Literal('finished')]),
  provider: AddressSchema,
  from: Type.String(),
  to: Type.String(),
  confidence: Type.Number(),
  population: Type.Integer({ description: 'Answers in the period; GET …/population lists their serials' }),
  sampled: Type.Integer({ description: 'Serials drawn' }),
  seed: Type.String({
    description:
      'keccak256(blockHash ‖ the id as a record key): the sample is the serials with the least keccak256(seed ‖ key)',
  }),
  chainId: Type.Integer(),
  blockNumber: Type.Integer(),
  blockHash: Type.String(),
  startedAt: Type.String(),
  finishedAt: Type.Union([Type.String(), Type.Null()]),
  audited: Type.Integer(),
  verdicts: Type.Record(Type.String(), Type.Integer()),
  exceptions: Type.Array(
    Type.Object({
      serial: SerialSchema,
      verdict: VerdictSchema,
      report: Type.String({ description: 'Where the latest report is' }),
    }),
  ),
  altered: Type.Integer({ description: 'Changed, misreported or unrecorded' }),
  undetermined: Type.Integer({ description: 'Unreachable, erased or unconfirmed' }),
  bound: Type.Union(
    [
      Type.Object({
        alteredAtMost: Type.Integer(),
        alteredShareAtMost: Type.Number(),
        missedShareAtMost: Type.Number(),
      }),
      Type.Null(),
    ],
    {
      description:
        'With this confidence at most so many records are altered, and at most this share went unseen by such a sample; exact ' +
        '(hypergeometric), undetermined records aside. Null until finished',
    },
  ),
  problem: Type.Union([Type.String(), Type.Null()], {
    description: 'Code of the error for which audits are put off right now',
  }),
})

export const campaignRoutes: RouteGroup = (scope, { campaigns, idempotency, store }) => {
  scope.post(
    '/v1/audit-campaigns',
    {
      schema: {
        tags: ['audits'],
        summary: 'Audit a random sample of the answers of a provider',
        security: SECURITY,
        headers: IdempotencyHeaders,
        body: CampaignBody,
        response: { 202: Type.Object({ id: Type.String() }), ...problems(403, 404, 409, 422, 503) },
      },
    },
    async (request, reply) => {
      const { caller, body } = request
      requireScope(caller, 'auditor')
      const { resource, isRepeated } = await idempotency.once(
        {
          caller: caller.id,
          key: request.headers['idempotency-key'],
          route: 'POST /v1/audit-campaigns',
          body,
        },
        (idempotent) =>
          campaigns.start(
            {
              provider: toAddress(body.provider),
              sampleSize: body.sampleSize,
              ...(body.from !== undefined && { from: timeOf(body.from) }),
              ...(body.to !== undefined && { to: timeOf(body.to) }),
              ...(body.confidence !== undefined && { confidence: body.confidence }),
            },
            caller.id,
            idempotent,
          ),
      )
      if (isRepeated) reply.header('idempotency-replayed', 'true')
      return reply.code(202).header('location', `/v1/audit-campaigns/${resource}`).send({ id: resource })
    },
  )

  scope.get(
    '/v1/audit-campaigns/:id',
    {
      schema: {
        tags: ['audits'],
        summary: 'How a campaign stands, and what it found',
        security: SECURITY,
        params: Type.Object({ id: SerialSchema }),
        response: { 200: CampaignReply, ...problems(403, 404) },
      },
    },
    (request) => {
      requireScope(request.caller, 'auditor')
      return toReply(campaigns.progress(request.params.id))
    },
  )

  scope.get(
    '/v1/audit-campaigns/:id/population',
    {
      schema: {
        tags: ['audits'],
        summary: 'The serials that the sample was drawn from, one a line',
        security: SECURITY,
        params: Type.Object({ id: SerialSchema }),
        response: {
          200: {
            description: 'Serials in ascending order',
            content: { 'text/plain': { schema: Type.String() } },
          },
          ...problems(403, 404),
        },
      },
    },
    (request, reply) => {
      requireScope(request.caller, 'auditor')
      const population = store.campaigns.findPopulation(request.params.id)
      if (population === undefined)
        throw new CountersignError('CAMPAIGN_UNKNOWN', `there is no campaign ${request.params.id}`)
      return sendText(reply, 'text/plain; charset=utf-8', `${population}\n`)
    },
  )
}

/** @throws REQUEST_INVALID for the 30th of February and the like */
function timeOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new CountersignError('REQUEST_INVALID', 'body: from or to is no time')
  return time
}

const toReply = (progress: CampaignProgress) => ({
  id: progress.id,
  state: progress.state,
  provider: progress.provider,
  from: new Date(progress.from).toISOString(),
  to: new Date(progress.to).toISOString(),
  confidence: progress.confidence,
  population: progress.populationSize,
  sampled: progress.sampled,
  seed: progress.seed,
  chainId: progress.chainId,
  blockNumber: progress.blockNumber,
  blockHash: progress.blockHash,
  startedAt: new Date(progress.createdAt).toISOString(),
  finishedAt: progress.finishedAt === null ? null : new Date(progress.finishedAt).toISOString(),
  audited: progress.audited,
  verdicts: progress.verdicts,
  exceptions: progress.exceptions.map(({ serial, verdict }) => ({
    serial,
    verdict,
    report: `/v1/audit-reports/${serial}/${progress.provider}`,
  })),
  altered: progress.altered,
  undetermined: progress.undetermined,
  bound: progress.bound,
  problem: progress.problem,
})
