import { problemResponse } from '../../../http/problem.ts'
import { type Static, Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { hexToBytes, toAddress } from '../../../protocol/hex.ts'
import type { ListedPaymentRow } from '../../store/payment-store.ts'
import { TaggedHeaders, taggedAnswer } from '../answer-schema.ts'
import { AsOfSchema, answerAsOf, boundsOfPage, isFinal } from '../as-of.ts'
import { type BlockBound, encodeCursor, isBounds, isRowPlace, type RowPlace, readCursor } from '../cursor.ts'
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
import { answerPayment, bookOf } from './payment-answers.ts'
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

interface ListCursor {
  after: RowPlace
  bounds: BlockBound[]
  filter: string
}

const isListCursor = (value: unknown): value is ListCursor => {
  const { after, bounds, filter } = (value ?? {}) as ListCursor
  return isRowPlace(after) && isBounds(bounds) && typeof filter === 'string'
}

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
      const cursor = readCursor(cursorText, isListCursor, filter)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { found, standings } = await atOneStanding(views, async () => {
        const { asOf, bounds } = await boundsOfPage(query.asOf, cursor?.bounds, views, store)
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

  async function readPage(
    filters: Omit<ListOptions, 'cursor' | 'limit'>,
    bounds: readonly BlockBound[],
    after: RowPlace | undefined,
    limit: number,
  ): Promise<{ rows: ListedPaymentRow[]; next: RowPlace | undefined }> {
    const { office, category, period, kind } = filters
    const rows: ListedPaymentRow[] = []
    for (const { chainId, number } of [...bounds].sort((a, b) => a.chainId - b.chainId)) {
      if (after !== undefined && chainId < after.chainId) continue
      const before = (time: number) => lastBlockBefore(store, chainId, number, time)
      const firstBlock = filters.from === undefined ? 0 : 1 + (await before(filters.from))
      const { rows: found, end } = await store.listPayments({
        chainId,
        after: after?.chainId === chainId ? after : { blockNumber: firstBlock, logIndex: -1, entryIndex: -1 },
        toBlock: filters.to === undefined ? number : await before(filters.to),
        ...(office === undefined ? {} : { office: hexToBytes(office) }),
        ...(category === undefined ? {} : { category }),
        ...(period === undefined ? {} : { period }),
        ...(kind === undefined ? {} : { kind }),
        // One past the page tells that there is another.
        limit: limit + 1 - rows.length,
      })
      rows.push(...found)
      if (rows.length > limit) return { rows: rows.slice(0, limit), next: placeOf(rows[limit - 1]!) }
      if (end !== undefined) return { rows, next: { chainId, ...end } }
    }
    return { rows, next: undefined }
  }

  async function answerPage(rows: readonly ListedPaymentRow[]): Promise<PaymentAnswer[]> {
    const participants = await directory.participants()
    const books = booksOf(views.values(), PAYMENT_BOOK_KIND)
    return rows.flatMap((row) => {
      // A registry no longer in the address book is no longer answered for.
      const book = bookOf(row, books)
      const options = { participants, orderId: undefined }
      return book === undefined
        ? []
        : [answerPayment(row, { ...row, previousDigest: undefined }, book, options)]
    })
  }
}

const placeOf = ({ chainId, blockNumber, logIndex, entryIndex }: RowPlace): RowPlace => ({
  chainId,
  blockNumber,
  logIndex,
  entryIndex,
})
