import { problemResponse } from '../../http/problem.ts'
import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { type Hex, hexToBytes, toAddress } from '../../protocol/hex.ts'
import { keyToSerial } from '../../protocol/serial.ts'
import { statusAt } from '../projections/participants.ts'
import type { RecordRow } from '../store/store.ts'
import { TaggedHeaders, taggedAnswer } from './answer-schema.ts'
import { AsOfSchema, answerAsOf, boundsOfPage, isFinal } from './as-of.ts'
import { type BlockBound, encodeCursor, isBounds, isIndex, isPosition, readCursor } from './cursor.ts'
import { type ApiDeps, answerRecord, type Book, booksOf, RESULT_BOOK_KIND } from './records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  CursorSchema,
  LimitSchema,
  NextSchema,
  PROBLEM_RESPONSES,
  type RecordAnswer,
  RecordRef,
  StandingsSchema,
  TimeSchema,
} from './schemas.ts'
import { atOneStanding } from './standing.ts'

const ListQuery = Type.Object(
  {
    provider: AddressSchema,
    from: Type.Optional(TimeSchema),
    to: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Unix seconds, exclusive' }),
    ),
    asOf: Type.Optional(AsOfSchema),
    limit: Type.Optional(LimitSchema),
    cursor: Type.Optional(CursorSchema),
  },
  { additionalProperties: false },
)

interface ListCursor {
  contractId: number
  after: [number, number, number]
  bounds: BlockBound[]
  filter: string
}

const isListCursor = (value: unknown): value is ListCursor => {
  const { contractId, after, bounds, filter } = (value ?? {}) as ListCursor
  return (
    isPosition(contractId) &&
    Array.isArray(after) &&
    after.length === 3 &&
    isPosition(after[0]) &&
    after.slice(1).every(isIndex) &&
    isBounds(bounds) &&
    typeof filter === 'string'
  )
}

interface FoundRow {
  row: RecordRow
  book: Book
  isRepeated: boolean
}

/** All records of one provider, book after book, in chain order. */
export function addResultList(server: HttpServer, { store, views, directory, freshness }: ApiDeps): void {
  server.get(
    '/v1/results',
    {
      schema: {
        tags: ['results'],
        operationId: 'listResultsOfProvider',
        summary: 'Records of one provider, in chain order, by time of their block',
        headers: TaggedHeaders,
        querystring: ListQuery,
        response: {
          ...taggedAnswer(
            'A page of records; its cursors stay at the block of the first page.',
            Type.Object({
              records: Type.Array(RecordRef),
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
      const provider = toAddress(query.provider)
      const filter = `${provider}:${query.from ?? ''}:${query.to ?? ''}:${query.asOf ?? ''}`
      const cursor = readCursor(query.cursor, isListCursor, filter)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const limit = query.limit ?? 50
      const { found, standings } = await atOneStanding(views, async () => {
        const { asOf, bounds } = await boundsOfPage(query.asOf, cursor?.bounds, views, store)
        const rows = await readRows({ ...query, author: hexToBytes(provider), bounds, cursor, limit })
        return { asOf, bounds, rows }
      })
      const page = found.rows.slice(0, limit)
      const last = page.at(-1)?.row
      const records = await answerPage(page)
      freshness.mark(reply, tag, found.asOf?.every(isFinal) === true)
      return {
        records,
        next:
          found.rows.length > limit && last !== undefined
            ? encodeCursor({
                contractId: last.contractId,
                after: [last.blockNumber, last.logIndex, last.entryIndex],
                bounds: found.bounds,
                filter,
              } satisfies ListCursor)
            : null,
        ...(found.asOf === undefined ? {} : { asOf: found.asOf.map(answerAsOf) }),
        standings,
      }
    },
  )

  interface RowsQuery {
    author: Uint8Array
    bounds: readonly BlockBound[]
    cursor: ListCursor | undefined
    from?: number
    to?: number
    limit: number
  }

  /** Up to one row past the page, which tells that there is another. */
  async function readRows({ author, bounds, cursor, from, to, limit }: RowsQuery): Promise<FoundRow[]> {
    const books = booksOf(views.values(), RESULT_BOOK_KIND).sort(
      (a, b) => a.contract.stored.contractId - b.contract.stored.contractId,
    )
    const rows: FoundRow[] = []
    for (const book of books) {
      const { contractId, chainId } = book.contract.stored
      const bound = bounds.find((candidate) => candidate.chainId === chainId)
      if (bound === undefined || (cursor !== undefined && contractId < cursor.contractId)) continue
      const after = cursor?.contractId === contractId ? cursor.after : undefined
      const found = await store.listRecords({
        author,
        contractId,
        toBlock: bound.number,
        ...(from === undefined ? {} : { fromTime: from }),
        ...(to === undefined ? {} : { toTime: to }),
        ...(after && { after: { blockNumber: after[0], logIndex: after[1], entryIndex: after[2] } }),
        limit: limit + 1 - rows.length,
      })
      for (const row of found) rows.push({ row, book, isRepeated: await store.hasEarlierRecord(row) })
      if (rows.length > limit) break
    }
    return rows
  }

  async function answerPage(page: readonly FoundRow[]): Promise<RecordAnswer[]> {
    const participants = await directory.participants()
    return page.map(({ row, book, isRepeated }) => {
      const provider = toAddress(row.author)
      const authorStatus = statusAt(participants.get(provider), row.blockTime)
      return answerRecord(row, serialOf(row.key), book, { provider, authorStatus, repeated: isRepeated })
    })
  }
}

/** Anyone may write any key under their own address; one that is no serial is shown as it is. */
export function serialOf(key: Hex): string {
  try {
    return keyToSerial(key)
  } catch {
    return key
  }
}
