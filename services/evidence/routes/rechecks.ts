import { Type } from '../../../http/schema.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import type { RecheckRound } from '../recheck/recheck-store.ts'
import type { EvidenceParts, Routes } from './evidence-parts.ts'

const Round = Type.Object({
  id: Type.Integer(),
  state: Type.Enum(['running', 'waiting', 'finished'], {
    description: 'waiting: chain or store cannot be asked; it goes on by itself',
  }),
  waitsFor: Type.Union([Type.String(), Type.Null()], { description: 'A row of the error catalogue' }),
  startedAt: Type.String({ description: 'ISO 8601' }),
  finishedAt: Type.Union([Type.String(), Type.Null()]),
})
const RechecksReply = Type.Object({
  round: Type.Union([Round, Type.Null()], { description: 'The latest; null before the first' }),
  failing: Type.Integer({
    description: "Of this client's: tampered with or missing when they were last read",
  }),
  unreadable: Type.Integer({
    description:
      "Of this client's: could not be read, while the store otherwise answers; of these nothing is known",
  }),
})

export const recheckRoutes: Routes = (scope, { upkeep }) => {
  const reply = (client: number, round: RecheckRound | undefined) => ({
    round: round === undefined ? null : shown(round, upkeep),
    ...upkeep.rounds.failing(client),
  })

  scope.get(
    '/v1/rechecks',
    {
      schema: {
        tags: ['rechecks'],
        summary: 'How the latest recheck of everything that is kept stands',
        security: [{ apiKey: [] }],
        response: { 200: RechecksReply },
      },
    },
    (request) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      return reply(request.evidenceClient, upkeep.rechecker.latest())
    },
  )

  scope.post(
    '/v1/rechecks',
    {
      schema: {
        tags: ['rechecks'],
        summary: 'Begin a recheck now, at the set rate; one that is under way goes on',
        security: [{ apiKey: [] }],
        response: { 202: RechecksReply },
      },
    },
    async (request, response) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      const round = await upkeep.rechecker.request()
      return response.code(202).send(reply(request.evidenceClient, round))
    },
  )
}

/** How many of everybody's were read is nobody's business but the operator's. */
function shown({ id, startedAt, finishedAt }: RecheckRound, { rechecker }: EvidenceParts['upkeep']) {
  const waitsFor = finishedAt === null ? rechecker.waitsFor : null
  const ongoing = waitsFor === null ? ('running' as const) : ('waiting' as const)
  return {
    id,
    state: finishedAt === null ? ongoing : ('finished' as const),
    waitsFor,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: finishedAt === null ? null : new Date(finishedAt).toISOString(),
  }
}
