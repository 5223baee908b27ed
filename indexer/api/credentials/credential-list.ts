import { problemResponse } from '../../../http/problem.ts'
import { type Static, Type } from '../../../http/schema.ts'
import type { HttpServer } from '../../../http/server.ts'
import { bytesToHex, type Hex, hexToBytes, toAddress } from '../../../protocol/hex.ts'
import { credentialKeyOf, isExpiryKey } from '../../projections/credential-registry.ts'
import type { PlaceInChain } from '../../store/payment-store.ts'
import { TaggedHeaders, taggedAnswer } from '../answer-schema.ts'
import { AsOfSchema, answerAsOf, boundsOfPage, isFinal } from '../as-of.ts'
import { type BlockBound, encodeCursor, isBounds, isIndex, isPosition, readCursor } from '../cursor.ts'
import { lastBlockBefore } from '../payments/time-range.ts'
import { type Book, booksOf, CREDENTIAL_BOOK_KIND } from '../records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  CursorSchema,
  LimitSchema,
  NextSchema,
  PROBLEM_RESPONSES,
  StandingsSchema,
  TimeSchema,
} from '../schemas.ts'
import { atOneStanding } from '../standing.ts'
import type { CredentialDeps } from './add-credentials.ts'
import { answerCredential, stateOf } from './credential-answers.ts'
import { type FoundCredential, findOwnCredential, isSameRow } from './credential-reading.ts'
import { type CredentialAnswer, CredentialRef, CredentialStateSchema } from './credential-schemas.ts'
import { type ChainTimes, clockAsOf, clockOf, type StateClock, timesAt } from './state-clock.ts'

const ListQuery = Type.Object(
  {
    issuer: { ...AddressSchema, description: 'Who issued it' },
    state: Type.Optional(CredentialStateSchema),
    from: Type.Optional({ ...TimeSchema, description: 'Unix seconds of the block, inclusive' }),
    to: Type.Optional({ ...TimeSchema, description: 'Unix seconds of the block, exclusive' }),
    asOf: Type.Optional(AsOfSchema),
    limit: Type.Optional(LimitSchema),
    cursor: Type.Optional(CursorSchema),
  },
  { additionalProperties: false },
)
type ListFilters = Omit<Static<typeof ListQuery>, 'cursor' | 'limit'>

interface ListCursor {
  contractId: number
  after: [number, number, number]
  bounds: BlockBound[]
  times: ChainTimes
  filter: string
}

const MAX_CHAINS = 64

const isListCursor = (value: unknown): value is ListCursor => {
  const { contractId, after, bounds, times, filter } = (value ?? {}) as ListCursor
  return (
    isPosition(contractId) &&
    Array.isArray(after) &&
    after.length === 3 &&
    isPosition(after[0]) &&
    after.slice(1).every(isIndex) &&
    isBounds(bounds) &&
    Array.isArray(times) &&
    times.length <= MAX_CHAINS &&
    times.every((time) => Array.isArray(time) && time.length === 2 && time.every(isPosition)) &&
    typeof filter === 'string'
  )
}

/** Entries of a book looked at for one page, at most: few of them may be what is asked for. */
const LOOKED_AT = 1_000
const ENTRIES_A_LOOK = 200

interface Page {
  found: { credential: FoundCredential; key: Uint8Array }[]
  /** Where the next page goes on; undefined after the last. */
  next: { contractId: number; after: PlaceInChain } | undefined
}

/** Credentials of one issuer, registry after registry, each where its first entry stands. */
export function addCredentialList(server: HttpServer, deps: CredentialDeps): void {
  const { store, views, directory, freshness, rpcOf } = deps

  server.get(
    '/v1/credentials',
    {
      schema: {
        tags: ['credentials'],
        operationId: 'listCredentials',
        summary: 'Credentials of one issuer, by state and time of their block',
        description:
          'In chain order of the issues; one that was revoked without an issue in the index stands where it was revoked. With `state=revoked` all are in the order of their revocations, and `from` and `to` are times of these. A page may have fewer entries than `limit`, even none, and yet a `next`: the list goes on until that is null. Of anchored credentials the chain has roots alone: they are not listed until they are revoked.',
        headers: TaggedHeaders,
        querystring: ListQuery,
        response: {
          ...taggedAnswer(
            'A page of credentials; its cursors, and the states they have, stay at the block of the first page.',
            Type.Object({
              credentials: Type.Array(CredentialRef),
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
      const { cursor: cursorText, limit = 50, ...filters } = request.query
      filters.issuer = toAddress(filters.issuer)
      const filter = JSON.stringify(Object.entries(filters).sort())
      const cursor = readCursor(cursorText, isListCursor, filter)
      if (freshness.isKnown(request, reply)) return reply
      const tag = freshness.tag()
      const { found, standings } = await atOneStanding(views, async () => {
        const { asOf, bounds } = await boundsOfPage(filters.asOf, cursor?.bounds, views, store)
        const times = cursor?.times ?? (await timesAt(bounds, store))
        const clock = asOf === undefined ? clockOf(times) : clockAsOf(filters.asOf!, asOf, rpcOf)
        // A block that is not kept has no rows: as of it the chain is answered for all the same.
        const page = await readPage(filters, bounds, { clock, cursor, limit })
        const credentials = await answerPage(page, clock)
        const asOfPart = asOf === undefined ? {} : { asOf: asOf.map(answerAsOf) }
        return { bounds, times, ...page, credentials, asOfPart, isSettled: asOf?.every(isFinal) === true }
      })
      const { next, bounds, times, asOfPart, isSettled } = found
      freshness.mark(reply, tag, isSettled)
      return {
        credentials: found.credentials,
        next:
          next === undefined
            ? null
            : encodeCursor({
                contractId: next.contractId,
                after: [next.after.blockNumber, next.after.logIndex, next.after.entryIndex],
                ...{ bounds, times, filter },
              } satisfies ListCursor),
        ...asOfPart,
        standings,
      }
    },
  )

  async function readPage(
    { issuer, state, from, to }: ListFilters,
    bounds: readonly BlockBound[],
    { clock, cursor, limit }: { clock: StateClock; cursor: ListCursor | undefined; limit: number },
  ): Promise<Page> {
    const found: Page['found'] = []
    // A credential has three entries at most, unless its issuer repeats itself.
    const atOnce = Math.min(3 * limit + 3, ENTRIES_A_LOOK)
    let looked = 0
    for (const book of booksInOrder()) {
      const { contractId, chainId } = book.contract.stored
      const bound = bounds.find((candidate) => candidate.chainId === chainId)
      if (bound === undefined || (cursor !== undefined && contractId < cursor.contractId)) continue
      const before = (time: number) => lastBlockBefore(store, chainId, bound.number, time)
      let after: PlaceInChain =
        cursor?.contractId === contractId
          ? placeOf(cursor.after)
          : { blockNumber: from === undefined ? 0 : 1 + (await before(from)), logIndex: -1, entryIndex: -1 }
      const toBlock = to === undefined ? bound.number : await before(to)
      // Once for each: an issuer may write one key any number of times.
      const credentials = new Map<Hex, ReturnType<typeof findOwnCredential>>()
      const credentialOf = (key: Hex) => {
        let own = credentials.get(key)
        if (own === undefined) {
          own = findOwnCredential(store, hexToBytes(key), issuer as Hex, book, bound)
          credentials.set(key, own)
        }
        return own
      }
      for (;;) {
        const asked = { author: hexToBytes(issuer), contractId, after, toBlock, limit: atOnce }
        const entries = state === 'revoked' ? await revocationsOf(asked) : await entriesOf(asked)
        const own = await Promise.all(entries.map((entry) => credentialAt(entry, credentialOf, state, clock)))
        for (const [i, credential] of own.entries()) {
          // The next one is left for the page after, which begins behind the last one looked at.
          if (found.length === limit && credential !== undefined)
            return { found, next: { contractId, after } }
          if (credential !== undefined) found.push(credential)
          after = entries[i]!.place
        }
        looked += entries.length
        if (entries.length < atOnce) break
        if (looked >= LOOKED_AT) return { found, next: { contractId, after } }
      }
    }
    return { found, next: undefined }
  }

  const booksInOrder = (): Book[] =>
    booksOf(views.values(), CREDENTIAL_BOOK_KIND).sort(
      (a, b) => a.contract.stored.contractId - b.contract.stored.contractId,
    )

  interface EntriesQuery {
    author: Uint8Array
    contractId: number
    after: PlaceInChain
    toBlock: number
    limit: number
  }

  async function entriesOf(query: EntriesQuery): Promise<Entry[]> {
    const rows = await store.listRecords(query)
    return rows.map((row) => ({ place: row, key: row.key, isRevocation: false }))
  }

  async function revocationsOf({ author, ...query }: EntriesQuery): Promise<Entry[]> {
    const rows = await store.listRevocations({ ...query, issuer: author })
    return rows.map((row) => ({ place: row, key: row.credentialKey, isRevocation: true }))
  }

  /** The credential that stands at an entry, if it is one that is asked for; others stand at another entry of theirs. */
  async function credentialAt(
    { place, key, isRevocation }: Entry,
    credentialOf: (key: Hex) => ReturnType<typeof findOwnCredential>,
    state: ListFilters['state'],
    clock: StateClock,
  ): Promise<Page['found'][number] | undefined> {
    if (isExpiryKey(key)) return undefined
    const credentialKey = credentialKeyOf(hexToBytes(key))
    const credential = await credentialOf(bytesToHex(credentialKey))
    const standsAt = isRevocation ? credential?.revocation : (credential?.issue ?? credential?.revocation)
    if (credential === undefined || standsAt === undefined || !isSameRow(standsAt, place)) return undefined
    return state === undefined || (await stateOf(credential, clock)) === state
      ? { credential, key: credentialKey }
      : undefined
  }

  async function answerPage({ found }: Page, clock: StateClock): Promise<CredentialAnswer[]> {
    const participants = await directory.participants()
    return Promise.all(
      found.map(({ credential, key }) => answerCredential(credential, key, { store, participants, clock })),
    )
  }
}

interface Entry {
  place: PlaceInChain
  key: Hex
  /** Looked for among revocations: each stands for its credential. */
  isRevocation: boolean
}

const placeOf = ([blockNumber, logIndex, entryIndex]: ListCursor['after']): PlaceInChain => ({
  blockNumber,
  logIndex,
  entryIndex,
})
