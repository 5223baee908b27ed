import { Type } from 'typebox'
import type { HttpServer } from '../../http/server.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Hex, hexToBytes, toAddress } from '../../protocol/hex.ts'
import { keyToSerial, serialToKey } from '../../protocol/serial.ts'
import { statusAt } from '../projections/participants.ts'
import type { RecordRow } from '../store/store.ts'
import { type BlockBound, boundOf, checkBound, decodeCursor, encodeCursor, isBound } from './cursor.ts'
import type { Proofs } from './proofs.ts'
import {
  type ApiDeps,
  answerHeads,
  answerOrphan,
  answerRecord,
  answerRecords,
  type Book,
  booksOf,
} from './records.ts'
import {
  AddressSchema,
  CursorSchema,
  LimitSchema,
  OrphanSchema,
  PROBLEM_RESPONSES,
  type RecordAnswer,
  RecordSchema,
  SerialSchema,
  StandingSchema,
  TimeSchema,
} from './schemas.ts'
import { standingsOf } from './standing.ts'

const KIND = 'QueryResultRegistry'
const TAGS = ['results']
const ProofQuery = Type.Object({
  proof: Type.Optional(
    Type.Enum(['none', 'event', 'storage'], {
      type: 'string',
      default: 'none',
      description: 'event: the log in the receipts trie of its block; storage: the slot by eth_getProof',
    }),
  ),
})
const Proof = Type.Object(
  {},
  { additionalProperties: true, description: 'See protocol/event-proof.ts and storage-proof.ts' },
)
const ResultsSchema = Type.Object({
  serial: Type.String(),
  records: Type.Array(Type.Object({ ...RecordSchema.properties, proof: Type.Optional(Proof) })),
  orphaned: Type.Array(OrphanSchema, { description: 'Records in blocks that their chain took back' }),
  standings: Type.Array(StandingSchema),
})

export function addResultRoutes(server: HttpServer, deps: ApiDeps & { proofs: Proofs }): void {
  const { store, views, directory, proofs } = deps

  async function answer(serial: string, provider: Address | undefined, proof: string | undefined) {
    const key = hexToBytes(serialToKey(serial))
    const books = booksOf(views.values(), KIND)
    const [rows, orphans] = await Promise.all([store.findRecords(key), store.findOrphanedRecords(key)])
    const ofProvider = <Row extends { author: Hex }>(found: readonly Row[]) =>
      provider === undefined ? found : found.filter(({ author }) => toAddress(author) === provider)
    const records = await answerRecords(ofProvider(rows), serial, books, directory)
    const orphaned = ofProvider(orphans).flatMap((row) => {
      const book = books.find(({ contract }) => contract.stored.contractId === row.contractId)
      return book === undefined ? [] : [answerOrphan(row, book.registry)]
    })
    const standings = standingsOf(views.values())
    if (records.length === 0) throw unknownRecord(serial, provider, { books, orphaned, standings })
    return { serial, records: await withProofs(records, proof), orphaned, standings }
  }

  const withProofs = (records: RecordAnswer[], proof: string | undefined) =>
    proof === undefined || proof === 'none'
      ? records
      : Promise.all(
          records.map(async (record) => {
            // A published record has no slot; its event is all there is.
            const made =
              proof === 'storage' && record.tier === 'recorded'
                ? await proofs.storage(record)
                : await proofs.event(record)
            return { ...record, proof: made }
          }),
        )

  server.get(
    '/v1/results/:serial',
    {
      schema: {
        tags: TAGS,
        summary: 'What every provider recorded under a serial, over all chains',
        params: Type.Object({ serial: SerialSchema }),
        querystring: ProofQuery,
        response: { 200: ResultsSchema, 404: Type.Ref('Problem'), ...PROBLEM_RESPONSES },
      },
    },
    ({ params, query }) => answer(params.serial, undefined, query.proof),
  )

  server.get(
    '/v1/results/:serial/:provider',
    {
      schema: {
        tags: TAGS,
        summary: 'What one provider recorded under a serial',
        description:
          'Transaction, block and log index are always there; `?proof=event` or `storage` adds a proof made from the chain. 404 names the block and the heads at which nothing was found.',
        params: Type.Object({ serial: SerialSchema, provider: AddressSchema }),
        querystring: ProofQuery,
        response: { 200: ResultsSchema, 404: Type.Ref('Problem'), ...PROBLEM_RESPONSES },
      },
    },
    ({ params, query }) => answer(params.serial, toAddress(params.provider), query.proof),
  )

  addResultList(server, deps)
}

function unknownRecord(
  serial: string,
  provider: Address | undefined,
  { books, orphaned, standings }: { books: Book[]; orphaned: unknown[]; standings: unknown[] },
): CountersignError {
  const by = provider === undefined ? '' : ` by ${provider}`
  const details = {
    standings,
    orphaned,
    ...(provider === undefined ? {} : { heads: answerHeads(provider, books) }),
  }
  return new CountersignError('RECORD_UNKNOWN', `nothing is recorded under ${serial}${by}`, { details })
}

interface ListCursor {
  contractId: number
  after: [number, number, number] | null
  bounds: BlockBound[]
  filter: string
}

const isListCursor = (value: unknown): value is ListCursor => {
  const { contractId, after, bounds, filter } = (value ?? {}) as ListCursor
  return (
    Number.isSafeInteger(contractId) &&
    (after === null || (Array.isArray(after) && after.length === 3 && after.every(Number.isSafeInteger))) &&
    Array.isArray(bounds) &&
    bounds.every(isBound) &&
    typeof filter === 'string'
  )
}

/** All records of one provider, book after book, in chain order. */
function addResultList(server: HttpServer, { store, views, directory }: ApiDeps): void {
  server.get(
    '/v1/results',
    {
      schema: {
        tags: TAGS,
        summary: 'Records of one provider, in chain order, by time of their block',
        querystring: Type.Object({
          provider: AddressSchema,
          from: Type.Optional(TimeSchema),
          to: Type.Optional(Type.Integer({ minimum: 0, description: 'Unix seconds, exclusive' })),
          limit: Type.Optional(LimitSchema),
          cursor: Type.Optional(CursorSchema),
        }),
        response: {
          200: Type.Object({
            records: Type.Array(RecordSchema),
            next: Type.Union([Type.String(), Type.Null()], { description: 'Cursor of the next page' }),
            standings: Type.Array(StandingSchema),
          }),
          409: Type.Ref('Problem'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ query }) => {
      const provider = toAddress(query.provider)
      const limit = query.limit ?? 50
      const filter = `${provider}:${query.from ?? ''}:${query.to ?? ''}`
      const books = booksOf(views.values(), KIND)
        .filter(({ view }) => view.checkpoint !== undefined)
        .sort((a, b) => a.contract.stored.contractId - b.contract.stored.contractId)
      const cursor = query.cursor === undefined ? undefined : decodeCursor(query.cursor, isListCursor)
      if (cursor !== undefined && cursor.filter !== filter)
        throw new CountersignError('CURSOR_INVALID', 'the cursor belongs to a list with other filters')
      const bounds = cursor?.bounds ?? [...new Set(books.map(({ view }) => view))].map(boundOf)
      for (const bound of bounds) {
        const view = views.get(bound.chainId)
        if (view !== undefined) await checkBound(bound, view, store)
      }
      const rows: { row: RecordRow; book: Book }[] = []
      for (const book of books) {
        const { contractId, chainId } = book.contract.stored
        const bound = bounds.find((candidate) => candidate.chainId === chainId)
        if (bound === undefined || (cursor !== undefined && contractId < cursor.contractId)) continue
        const after = cursor?.contractId === contractId ? cursor.after : null
        const found = await store.listRecords({
          author: hexToBytes(provider),
          contractId,
          toBlock: bound.number,
          ...(query.from === undefined ? {} : { fromTime: query.from }),
          ...(query.to === undefined ? {} : { toTime: query.to }),
          ...(after === null
            ? {}
            : { after: { blockNumber: after[0], logIndex: after[1], entryIndex: after[2] } }),
          limit: limit + 1 - rows.length,
        })
        rows.push(...found.map((row) => ({ row, book })))
        if (rows.length > limit) break
      }
      const page = rows.slice(0, limit)
      const last = page.at(-1)?.row
      return {
        records: await answerPage(page),
        next:
          rows.length > limit && last !== undefined
            ? encodeCursor({
                contractId: last.contractId,
                after: [last.blockNumber, last.logIndex, last.entryIndex],
                bounds,
                filter,
              } satisfies ListCursor)
            : null,
        standings: standingsOf(views.values()),
      }
    },
  )

  async function answerPage(page: readonly { row: RecordRow; book: Book }[]): Promise<RecordAnswer[]> {
    const participants = await directory.participants()
    return Promise.all(
      page.map(async ({ row, book }) => {
        const provider = toAddress(row.author)
        const authorStatus = statusAt(participants.get(provider), row.blockTime)
        const repeated = await store.hasEarlierRecord(row)
        return answerRecord(row, serialOf(row.key), book, { provider, authorStatus, repeated })
      }),
    )
  }
}

/** Anyone may write any key under their own address; one that is no serial is shown as it is. */
function serialOf(key: Hex): string {
  try {
    return keyToSerial(key)
  } catch {
    return key
  }
}
