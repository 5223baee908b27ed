import { Type } from 'typebox'
import type { HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { toAddress } from '../../protocol/hex.ts'
import { ROLES, type Role } from '../../protocol/roles.ts'
import type { Participant } from '../projections/participants.ts'
import { type BlockBound, boundOf, checkBound, decodeCursor, encodeCursor, isBound } from './cursor.ts'
import type { ApiDeps } from './records.ts'
import {
  AddressSchema,
  CursorSchema,
  LimitSchema,
  ParticipantSchema,
  PROBLEM_RESPONSES,
  StandingSchema,
} from './schemas.ts'
import { standingOf } from './standing.ts'

const TAGS = ['participants']

interface ListCursor {
  offset: number
  bound: BlockBound
  role: string | null
}

const isListCursor = (value: unknown): value is ListCursor => {
  const { offset, bound } = (value ?? {}) as ListCursor
  return Number.isSafeInteger(offset) && offset >= 0 && isBound(bound)
}

export function addParticipantRoutes(server: HttpServer, { store, directory }: ApiDeps): void {
  const answer = ({ registeredBlock, ...participant }: Participant) => ({
    ...participant,
    finality:
      registeredBlock <= (directory.view().checkpoint?.finalNumber ?? -1)
        ? ('final' as const)
        : ('pending' as const),
  })
  const standing = () => {
    const made = standingOf(directory.view())
    if (made === undefined)
      throw new CountersignError('NOT_READY', 'the chain of the directory has not been read yet')
    return made
  }

  server.get(
    '/v1/participants',
    {
      schema: {
        tags: TAGS,
        summary: 'Participants in order of registration',
        querystring: Type.Object({
          role: Type.Optional(Type.Enum(Object.keys(ROLES) as Role[], { type: 'string' })),
          limit: Type.Optional(LimitSchema),
          cursor: Type.Optional(CursorSchema),
        }),
        response: {
          200: Type.Object({
            participants: Type.Array(ParticipantSchema),
            next: Type.Union([Type.String(), Type.Null()], { description: 'Cursor of the next page' }),
            standing: StandingSchema,
          }),
          409: Type.Ref('Problem'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ query }) => {
      const now = standing()
      const limit = query.limit ?? 50
      const role = query.role ?? null
      const cursor = query.cursor === undefined ? undefined : decodeCursor(query.cursor, isListCursor)
      if (cursor !== undefined && cursor.role !== role)
        throw new CountersignError('CURSOR_INVALID', 'the cursor belongs to a list with other filters')
      const bound = cursor?.bound ?? boundOf(directory.view())
      await checkBound(bound, directory.view(), store)
      const all = [...(await directory.participantsAt(bound.number)).values()].filter(
        ({ roles }) => role === null || roles.includes(role as Role),
      )
      const offset = cursor?.offset ?? 0
      return {
        participants: all.slice(offset, offset + limit).map(answer),
        next:
          all.length > offset + limit
            ? encodeCursor({ offset: offset + limit, bound, role } satisfies ListCursor)
            : null,
        standing: now,
      }
    },
  )

  server.get(
    '/v1/participants/:address',
    {
      schema: {
        tags: TAGS,
        summary: 'One participant, with the history of its status and books',
        params: Type.Object({ address: AddressSchema }),
        response: {
          200: Type.Object({ participant: ParticipantSchema, standing: StandingSchema }),
          404: Type.Ref('Problem'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ params }) => {
      const account = toAddress(params.address)
      const participant = (await directory.participants()).get(account)
      if (participant === undefined)
        throw new CountersignError('PARTICIPANT_UNKNOWN', `the directory has no participant ${account}`, {
          details: { standings: [standing()] },
        })
      return { participant: answer(participant), standing: standing() }
    },
  )
}
