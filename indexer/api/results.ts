import { problemResponse } from '../../http/problem.ts'
import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Hex, hexToBytes, toAddress } from '../../protocol/hex.ts'
import { serialToKey } from '../../protocol/serial.ts'
import type { RecordRow } from '../store/store.ts'
import { TaggedHeaders, taggedAnswer } from './answer-schema.ts'
import {
  type AsOfBound,
  AsOfSchema,
  answerAsOf,
  blockBoundsOf,
  isFinal,
  parseAsOf,
  resolveAsOf,
} from './as-of.ts'
import {
  type BlockBound,
  boundOfStanding,
  checkBounds,
  encodeCursor,
  isBounds,
  isRowPlace,
  readCursor,
} from './cursor.ts'
import { isWithin, type KeyPosition, readRowsOfKey } from './key-page.ts'
import type { Proofs } from './proofs.ts'
import {
  type ApiDeps,
  answerHeads,
  answerOrphan,
  answerRecords,
  type Book,
  booksOf,
  RESULT_BOOK_KIND,
  repeatName,
} from './records.ts'
import { addResultList } from './result-list.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  CursorSchema,
  limitSchema,
  NextSchema,
  OrphanRef,
  PROBLEM_RESPONSES,
  type RecordAnswer,
  RecordSchema,
  SerialSchema,
  type Standing,
  StandingsSchema,
} from './schemas.ts'
import { atOneStanding } from './standing.ts'

const TAGS = ['results']
/** More than anyone has under a serial who wrote it once with each of their providers. */
const DEFAULT_LIMIT = 100

const LookupQuery = Type.Object(
  {
    proof: Type.Optional(
      Type.Enum(['none', 'event', 'storage'], {
        type: 'string',
        default: 'none',
        description:
          'event: the log in the receipts trie of its block; storage: the slot by eth_getProof, at the indexed block whatever asOf says',
      }),
    ),
    asOf: Type.Optional(AsOfSchema),
    limit: Type.Optional(limitSchema(DEFAULT_LIMIT)),
    cursor: Type.Optional(CursorSchema),
  },
  { additionalProperties: false },
)
const Proof = Type.Object(
  {},
  { additionalProperties: true, description: 'See protocol/event-proof.ts and storage-proof.ts' },
)
const ResultsSchema = Type.Object({
  serial: Type.String(),
  records: Type.Array(Type.Object({ ...RecordSchema.properties, proof: Type.Optional(Proof) })),
  orphaned: Type.Array(OrphanRef, {
    description: 'Records in blocks that their chain took back; 100 at most',
  }),
  next: NextSchema,
  asOf: AsOfAnswerSchema,
  standings: StandingsSchema,
})
const RESPONSES = {
  ...taggedAnswer('Records in order of chain and position.', ResultsSchema),
  404: problemResponse('Nothing is recorded; names the blocks and heads at which nothing was found'),
  409: problemResponse("The cursor's block left its chain, or asOf is past what is indexed"),
  ...PROBLEM_RESPONSES,
}

interface LookupOptions {
  proof?: string
  asOf?: string
  limit?: number
  cursor?: string
}

export function addResultRoutes(server: HttpServer, deps: ApiDeps & { proofs: Proofs }): void {
  const { store, views, directory, freshness, proofs } = deps

  async function answer(serial: string, provider: Address | undefined, options: LookupOptions) {
    const { asOf, cursor: cursorText } = options
    const key = hexToBytes(serialToKey(serial))
    const limit = options.limit ?? DEFAULT_LIMIT
    const books = booksOf(views.values(), RESULT_BOOK_KIND)
    const filter = `${serial}:${provider ?? ''}:${asOf ?? ''}`
    const cursor = readCursor(cursorText, isKeyCursor, filter)
    const {
      found: { bounds, page, pageBounds, orphans },
      standings,
    } = await atOneStanding(views, async (standings) => {
      const bounds =
        asOf === undefined ? undefined : await resolveAsOf(parseAsOf(asOf), [...views.values()], store)
      if (cursor !== undefined) await checkBounds(cursor.bounds, views, store)
      const page = await readRowsOfKey(
        store,
        key,
        {
          limit,
          ...(provider === undefined ? {} : { author: hexToBytes(provider) }),
          ...(cursor === undefined ? {} : { after: cursor.after }),
        },
        cursor?.bounds ?? bounds,
      )
      const pageBounds =
        page.next === undefined ? [] : (cursor?.bounds ?? boundsOfFirstPage(bounds, standings))
      // A later page is of what the first one left; what was taken back is shown there.
      const orphans = cursor === undefined ? await store.findOrphanedRecords(key) : []
      return { bounds, page, pageBounds, orphans }
    })
    const seen = cursor === undefined ? undefined : await authorsBefore(page.rows)
    const records = await answerRecords(page.rows, serial, books, directory, seen)
    const orphaned = orphans.flatMap((row) => {
      if (bounds !== undefined && !isWithin(row, bounds)) return []
      if (provider !== undefined && !isSameHex(row.author, provider)) return []
      const book = books.find(({ contract }) => contract.stored.contractId === row.contractId)
      return book === undefined ? [] : [answerOrphan(row, book.registry)]
    })
    const asOfPart = bounds === undefined ? {} : { asOf: bounds.map(answerAsOf) }
    if (records.length === 0 && cursor === undefined && page.next === undefined)
      throw unknownRecord(serial, provider, { books, orphaned, standings, ...asOfPart })
    const next =
      page.next === undefined
        ? null
        : encodeCursor({
            after: page.next,
            bounds: pageBounds,
            filter,
          } satisfies KeyCursor)
    return {
      body: {
        serial,
        records: await withProofs(records, options.proof),
        orphaned,
        next,
        ...asOfPart,
        standings,
      },
      isSettled: bounds?.every(isFinal) === true && options.proof !== 'storage',
    }
  }

  const boundsOfFirstPage = (
    bounds: readonly AsOfBound[] | undefined,
    standings: readonly Standing[],
  ): BlockBound[] => (bounds === undefined ? standings.map(boundOfStanding) : blockBoundsOf(bounds))

  /** Of the authors on a later page, those who have an earlier record: theirs are repeated. */
  async function authorsBefore(rows: readonly RecordRow[]): Promise<Set<string>> {
    const first = new Map<string, RecordRow>()
    for (const row of rows) if (!first.has(repeatName(row))) first.set(repeatName(row), row)
    const names = await Promise.all(
      [...first].map(async ([name, row]) => ((await store.hasEarlierRecord(row)) ? [name] : [])),
    )
    return new Set(names.flat())
  }

  const withProofs = (records: RecordAnswer[], proof: string | undefined) =>
    proof === undefined || proof === 'none'
      ? records
      : Promise.all(
          records.map(async (record) => {
            // A published record has no slot; its event is all there is.
            const made =
              proof === 'storage' && record.tier === 'recorded'
                ? await proofs.storage({ ...record, author: record.provider }, serialToKey(record.serial))
                : await proofs.event(record)
            return { ...record, proof: made }
          }),
        )

  server.get(
    '/v1/results/:serial',
    {
      schema: {
        tags: TAGS,
        operationId: 'listResultsOfSerial',
        summary: 'What every provider recorded under a serial, over all chains',
        params: Type.Object({ serial: SerialSchema }),
        headers: TaggedHeaders,
        querystring: LookupQuery,
        response: RESPONSES,
      },
    },
    async (request, reply) => {
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { body, isSettled } = await answer(request.params.serial, undefined, request.query)
      freshness.mark(reply, tag, isSettled)
      return body
    },
  )

  server.get(
    '/v1/results/:serial/:provider',
    {
      schema: {
        tags: TAGS,
        operationId: 'getResult',
        summary: 'What one provider recorded under a serial',
        description:
          'Transaction, block and log index are always there; `?proof=event` or `storage` adds a proof made from the chain. 404 names the block and the heads at which nothing was found.',
        params: Type.Object({ serial: SerialSchema, provider: AddressSchema }),
        headers: TaggedHeaders,
        querystring: LookupQuery,
        response: RESPONSES,
      },
    },
    async (request, reply) => {
      const provider = toAddress(request.params.provider)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { body, isSettled } = await answer(request.params.serial, provider, request.query)
      freshness.mark(reply, tag, isSettled)
      return body
    },
  )

  addResultList(server, deps)
}

const isSameHex = (lowerCase: Hex, address: Address): boolean => lowerCase === address.toLowerCase()

interface KeyCursor {
  after: KeyPosition
  bounds: BlockBound[]
  filter: string
}

const isKeyCursor = (value: unknown): value is KeyCursor => {
  const { after, bounds, filter } = (value ?? {}) as KeyCursor
  return isRowPlace(after) && isBounds(bounds) && typeof filter === 'string'
}

function unknownRecord(
  serial: string,
  provider: Address | undefined,
  { books, ...looked }: { books: Book[]; orphaned: unknown[]; standings: unknown[]; asOf?: unknown[] },
): CountersignError {
  const by = provider === undefined ? '' : ` by ${provider}`
  const details = {
    ...looked,
    ...(provider === undefined ? {} : { heads: answerHeads(provider, books) }),
  }
  return new CountersignError('RECORD_UNKNOWN', `nothing is recorded under ${serial}${by}`, { details })
}
