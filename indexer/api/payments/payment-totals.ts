import { problemResponse } from '../../../http/problem.ts'
import { type Static, Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { hexToBytes, toAddress } from '../../../protocol/hex.ts'
import type { PaymentGroup, PaymentSums } from '../../store/payment-store.ts'
import { TaggedHeaders, taggedAnswer } from '../answer-schema.ts'
import { AsOfSchema, answerAsOf, boundsOfPage, isFinal } from '../as-of.ts'
import { type BlockBound, encodeCursor, isBounds, isPosition, readCursor } from '../cursor.ts'
import { type ApiDeps, type Book, booksOf, PAYMENT_BOOK_KIND } from '../records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  CursorSchema,
  limitSchema,
  NextSchema,
  PROBLEM_RESPONSES,
  StandingsSchema,
} from '../schemas.ts'
import { atOneStanding } from '../standing.ts'
import {
  CategorySchema,
  FromSchema,
  PeriodSchema,
  ToSchema,
  type TotalAnswer,
  TotalSchema,
} from './payment-schemas.ts'
import { lastBlockBefore } from './time-range.ts'

const DEFAULT_LIMIT = 200

const TotalsQuery = Type.Object(
  {
    office: Type.Optional({ ...AddressSchema, description: 'Who recorded it' }),
    category: Type.Optional(CategorySchema),
    period: Type.Optional(PeriodSchema),
    from: FromSchema,
    to: ToSchema,
    asOf: Type.Optional(AsOfSchema),
    limit: Type.Optional(limitSchema(DEFAULT_LIMIT)),
    cursor: Type.Optional(CursorSchema),
  },
  { additionalProperties: false },
)
type TotalsOptions = Static<typeof TotalsQuery>
type Total = PaymentGroup & PaymentSums

interface TotalsCursor {
  after: PaymentGroup
  bounds: BlockBound[]
  filter: string
}

const isTotalsCursor = (value: unknown): value is TotalsCursor => {
  const { after, bounds, filter } = (value ?? {}) as TotalsCursor
  return (
    typeof after === 'object' &&
    after !== null &&
    isPosition(after.contractId) &&
    /^0x[0-9a-f]{40}$/.test(after.office) &&
    [after.category, after.period, after.currency].every(
      (text) => typeof text === 'string' && /^[\w/-]{0,32}$/.test(text),
    ) &&
    isBounds(bounds) &&
    typeof filter === 'string'
  )
}

/** What payments add up to. The sums are kept as of every block, so they cost the same for any number of payments. */
export function addPaymentTotals(server: HttpServer, { store, views, freshness }: ApiDeps): void {
  server.get(
    '/v1/payment-totals',
    {
      schema: {
        tags: ['payments'],
        operationId: 'listPaymentTotals',
        summary:
          'Orders, versions by kind and what public orders come to: by office, category, period and currency',
        description:
          'As of a block. With `from` or `to` (times of blocks) the sums are what the blocks from there to there added, which may be negative where orders were corrected. An order counts, with what it comes to, where its newest version is; a version where itself is. Amounts are what offices say: a content that contradicts its digest is told by `GET /v1/payments/{orderId}`.',
        headers: TaggedHeaders,
        querystring: TotalsQuery,
        response: {
          ...taggedAnswer(
            'A page of sums; its cursors stay at the block of the first page.',
            Type.Object({
              totals: Type.Array(TotalSchema),
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
      const { cursor: cursorText, limit = DEFAULT_LIMIT, ...filters } = query
      if (filters.office !== undefined) filters.office = toAddress(filters.office)
      const filter = JSON.stringify(Object.entries(filters).sort())
      const cursor = readCursor(cursorText, isTotalsCursor, filter)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const books = booksOf(views.values(), PAYMENT_BOOK_KIND).sort((a, b) => idOf(a) - idOf(b))
      const { found, standings } = await atOneStanding(views, async () => {
        const { asOf, bounds } = await boundsOfPage(query.asOf, cursor?.bounds, views, store)
        return { asOf, bounds, totals: await readTotals(filters, books, bounds, cursor?.after, limit + 1) }
      })
      const page = found.totals.slice(0, limit)
      const last = page.at(-1)
      freshness.mark(reply, tag, found.asOf?.every(isFinal) === true)
      return {
        totals: page.map((total) => answerTotal(total, books)),
        next:
          found.totals.length > limit && last !== undefined
            ? encodeCursor({ after: groupOf(last), bounds: found.bounds, filter } satisfies TotalsCursor)
            : null,
        ...(found.asOf === undefined ? {} : { asOf: found.asOf.map(answerAsOf) }),
        standings,
      }
    },
  )

  async function readTotals(
    { office, category, period, from, to }: Omit<TotalsOptions, 'cursor' | 'limit'>,
    books: readonly Book[],
    bounds: readonly BlockBound[],
    after: PaymentGroup | undefined,
    limit: number,
  ): Promise<Total[]> {
    const totals: Total[] = []
    for (const book of books) {
      const { contractId, chainId } = book.contract.stored
      const bound = bounds.find((candidate) => candidate.chainId === chainId)
      if (bound === undefined || (after !== undefined && contractId < after.contractId)) continue
      const before = (time: number) => lastBlockBefore(store, chainId, bound.number, time)
      const found = await store.listPaymentTotals({
        contractId,
        afterBlock: from === undefined ? -1 : await before(from),
        toBlock: to === undefined ? bound.number : await before(to),
        ...(office === undefined ? {} : { office: hexToBytes(office) }),
        ...(category === undefined ? {} : { category }),
        ...(period === undefined ? {} : { period }),
        ...(after?.contractId === contractId ? { after } : {}),
        limit: limit - totals.length,
      })
      totals.push(...found)
      if (totals.length >= limit) break
    }
    return totals
  }
}

const idOf = ({ contract }: Book): number => contract.stored.contractId

const groupOf = ({ contractId, office, category, period, currency }: PaymentGroup): PaymentGroup => ({
  contractId,
  office,
  category,
  period,
  currency,
})

function answerTotal(total: Total, books: readonly Book[]): TotalAnswer {
  const { registry, view } = books.find((book) => idOf(book) === total.contractId)!
  const { payments, corrections, reversals, refunds, unreadable, category, period, currency } = total
  return {
    chainId: view.config.chainId,
    registry,
    office: toAddress(total.office),
    // Every category has a letter: without one nothing can be told of the payload.
    category: category === '' ? null : category,
    period: category === '' ? null : period,
    currency: currency === '' ? null : currency,
    orders: total.orders,
    records: {
      payment: payments,
      correction: corrections,
      reversal: reversals,
      refund: refunds,
      unreadable,
    },
    sealed: total.sealed,
    publicOrders: total.publicOrders,
    netAmountMinor: String(total.net),
  }
}
