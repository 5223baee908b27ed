import { problemResponse } from '../../http/problem.ts'
import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { toAddress } from '../../protocol/hex.ts'
import type { Participant, Participants } from '../projections/participants.ts'
import { TaggedHeaders, taggedAnswer } from './answer-schema.ts'
import { AsOfSchema, answerAsOf, blockBoundsOf, isFinal, parseAsOf, resolveAsOf } from './as-of.ts'
import {
  type BlockBound,
  boundOf,
  checkBound,
  encodeCursor,
  isBound,
  isPosition,
  readCursor,
} from './cursor.ts'
import type { ApiDeps } from './records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  CursorSchema,
  LimitSchema,
  NextSchema,
  PARTICIPANT_ROLES,
  ParticipantRef,
  PROBLEM_RESPONSES,
  StandingRef,
} from './schemas.ts'
import { atOneStanding } from './standing.ts'

const TAGS = ['participants']

interface ListCursor {
  offset: number
  bound: BlockBound
  filter: string
}

const isListCursor = (value: unknown): value is ListCursor => {
  const { offset, bound, filter } = (value ?? {}) as ListCursor
  return isPosition(offset) && isBound(bound) && typeof filter === 'string'
}

/** Lists as of earlier blocks that are kept: the pages of one list ask for the same. */
const KEPT_LISTS = 8

export function addParticipantRoutes(
  server: HttpServer,
  { store, views, directory, freshness }: ApiDeps,
): void {
  const answer = ({ registeredBlock, ...participant }: Participant) => ({
    ...participant,
    finality: isFinal({ view: directory.view(), decidedBy: registeredBlock })
      ? ('final' as const)
      : ('pending' as const),
  })
  /** What `read` finds, with where the chain of the directory stood. @throws NOT_READY */
  async function atStanding<Found>(read: () => Promise<Found>) {
    const { found, standings } = await atOneStanding(views, async () => {
      if (directory.view().checkpoint === undefined)
        throw new CountersignError('NOT_READY', 'the chain of the directory has not been read yet')
      return read()
    })
    return { ...found, standing: standings.find(({ chainId }) => chainId === directory.chainId)! }
  }
  const asOfBound = async (text: string) =>
    (await resolveAsOf(parseAsOf(text), [directory.view()], store))[0]!

  const kept = new Map<string, Promise<Participants>>()
  /** The directory's events up to a block are read and folded anew for each block; a repair has them read again. */
  function participantsAt(number: number): Promise<Participants> {
    const name = `${number}:${freshness.tag() ?? performance.now()}`
    let found = kept.get(name)
    if (found === undefined) {
      found = directory.participantsAt(number)
      found.catch(() => kept.delete(name))
      if (kept.size >= KEPT_LISTS) kept.delete(kept.keys().next().value!)
      kept.set(name, found)
    }
    return found
  }

  server.get(
    '/v1/participants',
    {
      schema: {
        tags: TAGS,
        operationId: 'listParticipants',
        summary: 'Participants in order of registration',
        headers: TaggedHeaders,
        querystring: Type.Object(
          {
            role: Type.Optional(
              Type.Enum(PARTICIPANT_ROLES, { type: 'string', description: 'Only participants that have it' }),
            ),
            asOf: Type.Optional(AsOfSchema),
            limit: Type.Optional(LimitSchema),
            cursor: Type.Optional(CursorSchema),
          },
          { additionalProperties: false },
        ),
        response: {
          ...taggedAnswer(
            'A page of participants; its cursors stay at the block of the first page.',
            Type.Object({
              participants: Type.Array(ParticipantRef),
              next: NextSchema,
              asOf: AsOfAnswerSchema,
              standing: StandingRef,
            }),
          ),
          409: problemResponse("The cursor's block left its chain, or asOf is past what is indexed"),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const { query } = request
      const limit = query.limit ?? 50
      const filter = `${query.role ?? ''}:${query.asOf ?? ''}`
      const cursor = readCursor(query.cursor, isListCursor, filter)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { asOf, bound, participants, standing } = await atStanding(async () => {
        const asOf = query.asOf === undefined ? undefined : await asOfBound(query.asOf)
        const bound =
          cursor?.bound ?? (asOf === undefined ? boundOf(directory.view()) : blockBoundsOf([asOf])[0])
        if (bound !== undefined) await checkBound(bound, directory.view(), store)
        return { asOf, bound, participants: await participantsAt(bound?.number ?? -1) }
      })
      const all = [...participants.values()].filter(
        ({ roles }) => query.role === undefined || roles.includes(query.role),
      )
      const offset = cursor?.offset ?? 0
      freshness.mark(reply, tag, asOf !== undefined && isFinal(asOf))
      return {
        participants: all.slice(offset, offset + limit).map(answer),
        next:
          bound !== undefined && all.length > offset + limit
            ? encodeCursor({ offset: offset + limit, bound, filter } satisfies ListCursor)
            : null,
        ...(asOf === undefined ? {} : { asOf: [answerAsOf(asOf)] }),
        standing,
      }
    },
  )

  server.get(
    '/v1/participants/:address',
    {
      schema: {
        tags: TAGS,
        operationId: 'getParticipant',
        summary: 'One participant, with the history of its status and books',
        params: Type.Object({ address: AddressSchema }),
        headers: TaggedHeaders,
        querystring: Type.Object({ asOf: Type.Optional(AsOfSchema) }, { additionalProperties: false }),
        response: {
          ...taggedAnswer(
            'What the directory says of it.',
            Type.Object({ participant: ParticipantRef, asOf: AsOfAnswerSchema, standing: StandingRef }),
          ),
          404: problemResponse('The directory has no such participant; names the block it was looked up at'),
          409: problemResponse('asOf is past what is indexed'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const account = toAddress(request.params.address)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { asOf, participants, standing } = await atStanding(async () => {
        const asOf = request.query.asOf === undefined ? undefined : await asOfBound(request.query.asOf)
        const participants =
          asOf === undefined ? await directory.participants() : await participantsAt(asOf.number)
        return { asOf, participants }
      })
      const asOfPart = asOf === undefined ? {} : { asOf: [answerAsOf(asOf)] }
      const participant = participants.get(account)
      if (participant === undefined)
        throw new CountersignError('PARTICIPANT_UNKNOWN', `the directory has no participant ${account}`, {
          details: { standings: [standing], ...asOfPart },
        })
      freshness.mark(reply, tag, asOf !== undefined && isFinal(asOf))
      return { participant: answer(participant), ...asOfPart, standing }
    },
  )
}
