import { setImmediate } from 'node:timers/promises'
import { problemResponse } from '../../../http/problem.ts'
import { type Static, Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { hexToBytes, toAddress } from '../../../protocol/hex.ts'
import type { PaymentRow } from '../../store/payment-store.ts'
import { TaggedHeaders, taggedAnswer } from '../answer-schema.ts'
import { AsOfSchema, answerAsOf, blockBoundsOf, isFinal, parseAsOf, resolveAsOf } from '../as-of.ts'
import {
  type BlockBound,
  boundOf,
  checkBounds,
  decodeCursor,
  encodeCursor,
  isBounds,
  isIndex,
  isPosition,
} from '../cursor.ts'
import { type ApiDeps, booksOf, PAYMENT_BOOK_KIND } from '../records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  CursorSchema,
  LimitSchema,
  NextSchema,
  PROBLEM_RESPONSES,
  StandingsSchema,
} from '../schemas.ts'
import { atOneStanding } from '../standing.ts'
import { answerPayments, bookOf, inChainOrder } from './payment-answers.ts'
import {
  CategorySchema,
  FromSchema,
  KindSchema,
  type PaymentAnswer,
  PaymentRef,
  PeriodSchema,
  ToSchema,
} from './payment-schemas.ts'
import { lastBlockBefore } from './time-range.ts'

const ListQuery = Type.Object(
  {
    office: Type.Optional({ ...AddressSchema, description: 'Who recorded it' }),
    category: Type.Optional(CategorySchema),
    period: Type.Optional(PeriodSchema),
    kind: Type.Optional(KindSchema),
    from: FromSchema,
    to: ToSchema,
    asOf: Type.Optional(AsOfSchema),
    limit: Type.Optional(LimitSchema),
    cursor: Type.Optional(CursorSchema),
  },
  { additionalProperties: false },
)
type ListOptions = Static<typeof ListQuery>

interface Place {
  chainId: number
  blockNumber: number
  logIndex: number
  entryIndex: number
}

interface ListCursor {
  after: Place
  bounds: BlockBound[]
  filter: string
}

const isListCursor = (value: unknown): value is ListCursor => {
  const { after, bounds, filter } = (value ?? {}) as ListCursor
  return (
    typeof after === 'object' &&
    after !== null &&
    [after.chainId, after.blockNumber].every(isPosition) &&
    [after.logIndex, after.entryIndex].every(isIndex) &&
    isBounds(bounds) &&
    typeof filter === 'string'
  )
}

/** Rows read at once, between which others come in. */
const ROWS_A_LOOK = 500
/** Rows read for one page: few of them may be of the period or kind that is asked for. */
const MAX_ROWS = 5_000
/** Versions of one order that are looked at to say whether one is repeated or late. */
const MAX_VERSIONS = 500

/** Versions of all orders, chain after chain, in chain order. */
export function addPaymentList(server: HttpServer, { store, views, directory, freshness }: ApiDeps): void {
  server.get(
    '/v1/payments',
    {
      schema: {
        tags: ['payments'],
        operationId: 'listPayments',
        summary: 'Payment records by office, category, period, kind and time of their block',
        description:
          'In chain order. `from` and `to` are times of blocks, not of payments. A page may have fewer entries than `limit`, even none, and yet a `next`: the list goes on until that is null. Without the order id no content can be held against its digest: `verification` is unchecked.',
        headers: TaggedHeaders,
        querystring: ListQuery,
        response: {
          ...taggedAnswer(
            'A page of versions; its cursors stay at the block of the first page.',
            Type.Object({
              payments: Type.Array(PaymentRef),
              next: NextSchema,
              asOf: AsOfAnswerSchema,
              standings: StandingsSchema,
            }),
          ),
          409: problemResponse("The cursor's block left its chain, or asOf is past what is indexed"),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const { query } = request
      const { cursor: cursorText, limit = 50, ...filters } = query
      if (filters.office !== undefined) filters.office = toAddress(filters.office)
      const filter = JSON.stringify(Object.entries(filters).sort())
      const cursor = cursorText === undefined ? undefined : decodeCursor(cursorText, isListCursor)
      if (cursor !== undefined && cursor.filter !== filter)
        throw new CountersignError('CURSOR_INVALID', 'the cursor belongs to a list with other filters')
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { found, standings } = await atOneStanding(views, async () => {
        const asOf =
          query.asOf === undefined
            ? undefined
            : await resolveAsOf(parseAsOf(query.asOf), [...views.values()], store)
        const bounds = cursor?.bounds ?? (asOf === undefined ? boundsNow() : blockBoundsOf(asOf))
        await checkBounds(bounds, views, store)
        const page = await readPage(filters, bounds, cursor?.after, limit)
        return { asOf, bounds, ...page, payments: await answerPage(page.rows) }
      })
      freshness.mark(reply, tag, found.asOf?.every(isFinal) === true)
      return {
        payments: found.payments,
        next:
          found.next === undefined
            ? null
            : encodeCursor({ after: found.next, bounds: found.bounds, filter } satisfies ListCursor),
        ...(found.asOf === undefined ? {} : { asOf: found.asOf.map(answerAsOf) }),
        standings,
      }
    },
  )

  const boundsNow = (): BlockBound[] =>
    [...views.values()].filter(({ checkpoint }) => checkpoint !== undefined).map(boundOf)

  async function readPage(
    filters: Omit<ListOptions, 'cursor' | 'limit'>,
    bounds: readonly BlockBound[],
    after: Place | undefined,
    limit: number,
  ): Promise<{ rows: PaymentRow[]; next: Place | undefined }> {
    const contracts = new Set(
      booksOf(views.values(), PAYMENT_BOOK_KIND).map(({ contract }) => contract.stored.contractId),
    )
    const isAskedFor = ({ contractId, period, kind }: PaymentRow): boolean =>
      contracts.has(contractId) &&
      (filters.period === undefined || filters.period === period) &&
      (filters.kind === undefined || filters.kind === kind)
    const rows: PaymentRow[] = []
    let looked = 0
    for (const { chainId, number } of [...bounds].sort((a, b) => a.chainId - b.chainId)) {
      if (after !== undefined && chainId < after.chainId) continue
      const toBlock =
        filters.to === undefined ? number : await lastBlockBefore(store, chainId, number, filters.to)
      const firstBlock =
        filters.from === undefined ? 0 : 1 + (await lastBlockBefore(store, chainId, number, filters.from))
      let from: Place =
        after?.chainId === chainId
          ? after
          : { chainId, blockNumber: firstBlock, logIndex: -1, entryIndex: -1 }
      for (;;) {
        const found = await store.listPayments({
          chainId,
          after: from,
          toBlock,
          ...(filters.office === undefined ? {} : { office: hexToBytes(filters.office) }),
          ...(filters.category === undefined ? {} : { category: filters.category }),
          limit: ROWS_A_LOOK,
        })
        for (const row of found) {
          // One past the page tells that there is another.
          if (isAskedFor(row) && rows.push(row) > limit)
            return { rows: rows.slice(0, limit), next: placeOf(rows[limit - 1]!) }
          from = placeOf(row)
          if (++looked >= MAX_ROWS) return { rows, next: from }
        }
        if (found.length < ROWS_A_LOOK) break
        await setImmediate()
      }
    }
    return { rows, next: undefined }
  }

  /** Whether one is repeated or late is for all versions of its order to say. */
  async function answerPage(rows: readonly PaymentRow[]): Promise<PaymentAnswer[]> {
    const participants = await directory.participants()
    const books = booksOf(views.values(), PAYMENT_BOOK_KIND)
    const answers = await Promise.all(
      rows.map(async (row) => {
        const query = { office: hexToBytes(row.office), limit: MAX_VERSIONS }
        const all = (await store.findPayments(hexToBytes(row.orderKey), query))
          .filter(({ contractId }) => contractId === row.contractId)
          .sort(inChainOrder)
        const own = all.find((other) => isSamePlace(other, row)) ?? row
        const versions = own === row ? [...all, row].sort(inChainOrder) : all
        return answerPayments([own], versions, bookOf(row, books)!, { participants, orderId: undefined })
      }),
    )
    return answers.flat()
  }
}

const placeOf = ({ chainId, blockNumber, logIndex, entryIndex }: Place): Place => ({
  chainId,
  blockNumber,
  logIndex,
  entryIndex,
})

const isSamePlace = (a: Place, b: Place): boolean =>
  a.blockNumber === b.blockNumber && a.logIndex === b.logIndex && a.entryIndex === b.entryIndex
