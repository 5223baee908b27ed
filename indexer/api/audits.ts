import { problemResponse } from '../../http/problem.ts'
import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import type { Json } from '../../protocol/canonical-json.ts'
import { contentHashOf } from '../../protocol/content-hash.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, hexToBytes, toAddress, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { queryResultDigest } from '../../protocol/query-result.ts'
import { serialToKey } from '../../protocol/serial.ts'
import { deriveVerdict, VERDICTS } from '../../protocol/verdict.ts'
import { type Participant, statusAt } from '../projections/participants.ts'
import { answer } from './answer-schema.ts'
import { type AsOfBound, AsOfSchema, answerAsOf, parseAsOf, resolveAsOf } from './as-of.ts'
import { type KeyPosition, readRowsOfKey } from './key-page.ts'
import type { Proofs } from './proofs.ts'
import { type ApiDeps, answerHeads, answerRecords, type Book, booksOf, RESULT_BOOK_KIND } from './records.ts'
import {
  AddressSchema,
  AsOfAnswerSchema,
  Bytes32Schema,
  HeadRef,
  PROBLEM_RESPONSES,
  type RecordAnswer,
  RecordRef,
  SerialSchema,
  StandingsSchema,
} from './schemas.ts'
import { atOneStanding } from './standing.ts'

const ROWS_A_LOOK = 200
const MAX_REPEATED = 100

const AuditRequest = Type.Object(
  {
    serial: SerialSchema,
    provider: AddressSchema,
    digest: Type.Optional(Bytes32Schema),
    result: Type.Optional(Type.Unknown({ description: 'The answer as it is said now; with its salt' })),
    salt: Type.Optional(Bytes32Schema),
    asOf: Type.Optional(AsOfSchema),
  },
  {
    additionalProperties: false,
    description:
      'Either a digest, or result and salt. With asOf, only what was recorded by then counts; how final a record is, is said as of now.',
  },
)

const AuditAnswer = Type.Object({
  serial: Type.String(),
  provider: Type.String(),
  verdict: Type.Enum([...VERDICTS], { type: 'string' }),
  rule: Type.String({ description: 'The rule that decided' }),
  findings: Type.Array(Type.String(), { description: 'Every rule that holds' }),
  presentedDigest: Type.Union([Bytes32Schema, Type.Null()]),
  record: Type.Union([RecordRef, Type.Null()], { description: 'The record that counts' }),
  otherRecords: Type.Array(RecordRef, {
    description: 'Of the same provider and serial elsewhere, or repeated; of the latter 100 at most',
  }),
  proof: Type.Union([Type.String(), Type.Null()], { description: 'Where to get the proof of the record' }),
  heads: Type.Array(HeadRef, { description: "The provider's heads that the lookup stands on" }),
  asOf: AsOfAnswerSchema,
  standings: StandingsSchema,
})

/** Compares a presented answer with the chain. A verdict is an answer, whatever it says: never an HTTP error. */
export function addAuditRoutes(
  server: HttpServer,
  { store, views, directory }: ApiDeps & { proofs: Proofs },
): void {
  server.post(
    '/v1/audits',
    {
      schema: {
        tags: ['audits'],
        operationId: 'createAudit',
        summary: 'Compare an answer, or its digest, with what its provider recorded',
        description: 'Nothing of the body is kept or logged.',
        body: AuditRequest,
        response: {
          ...answer('The verdict, whatever it says.', AuditAnswer),
          409: problemResponse('asOf is past what is indexed'),
          413: problemResponse('The body is larger than a megabyte'),
          415: problemResponse('The body is not application/json'),
          422: problemResponse('The result has no canonical form'),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    async ({ body }) => {
      const presented = readPresented(body)
      const provider = toAddress(body.provider)
      const all = booksOf(views.values(), RESULT_BOOK_KIND)
      const participant = (await directory.participants()).get(provider)
      const {
        found: { bounds, records },
        standings,
      } = await atOneStanding(views, async () => {
        const bounds =
          body.asOf === undefined
            ? undefined
            : await resolveAsOf(parseAsOf(body.asOf), [...views.values()], store)
        return { bounds, records: await findOwnRecords(body.serial, provider, all, bounds) }
      })
      // A chain that asOf leaves out is not searched.
      const books =
        bounds === undefined ? all : all.filter(({ view }) => bounds.some((bound) => bound.view === view))
      const record = recordThatCounts(records, participant)
      const presentedDigest =
        record === undefined && presented.digest === undefined
          ? null
          : (presented.digest ?? presented.derive(record!, provider))
      const verdict =
        record === undefined
          ? verdictOfAbsence(provider, books, participant, bounds)
          : verdictOf(record, presentedDigest!, books)
      return {
        serial: body.serial,
        provider,
        ...verdict,
        presentedDigest,
        record: record ?? null,
        otherRecords: records.filter((other) => other !== record),
        proof: record === undefined ? null : `/v1/results/${body.serial}/${provider}?proof=event`,
        heads: answerHeads(provider, books),
        ...(bounds === undefined ? {} : { asOf: bounds.map(answerAsOf) }),
        standings,
      }
    },
  )

  /** All first records of the provider, and some of those that repeat them: it may have written any number. */
  async function findOwnRecords(
    serial: string,
    provider: Address,
    books: readonly Book[],
    bounds: readonly AsOfBound[] | undefined,
  ): Promise<RecordAnswer[]> {
    const key = hexToBytes(serialToKey(serial))
    const author = hexToBytes(provider)
    const seen = new Set<string>()
    const records: RecordAnswer[] = []
    let repeated = 0
    let after: KeyPosition | undefined
    do {
      const page = { author, limit: ROWS_A_LOOK, ...(after === undefined ? {} : { after }) }
      const { rows, next } = await readRowsOfKey(store, key, page, bounds)
      for (const record of await answerRecords(rows, serial, books, directory, seen))
        if (!record.repeated || repeated++ < MAX_REPEATED) records.push(record)
      after = next
    } while (after !== undefined)
    return records
  }
}

interface Presented {
  digest: Bytes32 | undefined
  derive(record: RecordAnswer, provider: Address): Bytes32
}

/** @throws REQUEST_INVALID unless there is either a digest or a result with its salt */
function readPresented(body: {
  serial: string
  digest?: string
  result?: unknown
  salt?: string
}): Presented {
  const { serial, digest, result, salt } = body
  const hasResult = result !== undefined && salt !== undefined
  if ((digest === undefined) === !hasResult || (digest !== undefined && (result ?? salt) !== undefined))
    throw new CountersignError('REQUEST_INVALID', 'body must have either digest, or result and salt')
  if (digest === ZERO_BYTES32) throw new CountersignError('REQUEST_INVALID', 'body/digest must not be zero')
  // The canonical form is checked before anything is looked up: a result without one is refused either way.
  const contentHash = hasResult ? contentHashOf(result as Json) : ZERO_BYTES32
  return {
    digest: digest as Bytes32 | undefined,
    derive: (record, provider) =>
      queryResultDigest({
        chainId: record.chainId,
        registry: record.registry as Address,
        serial,
        provider,
        contentHash,
        salt: salt as Bytes32,
      }),
  }
}

/** Of the first writes: the one in the book that the directory named for the provider then, otherwise the earliest. */
function recordThatCounts(
  records: readonly RecordAnswer[],
  participant: Participant | undefined,
): RecordAnswer | undefined {
  const first = records
    .filter(({ repeated }) => !repeated)
    .toSorted((a, b) => a.block.timestamp - b.block.timestamp || a.chainId - b.chainId)
  const isNamed = ({ chainId, registry, block }: RecordAnswer) => {
    const named = participant?.books
      .filter(({ role, since }) => role === 'provider' && since <= block.timestamp)
      .at(-1)
    return named !== undefined && named.chainId === chainId && named.registry === registry
  }
  return first.find(isNamed) ?? first[0]
}

type Verdict = Pick<ReturnType<typeof deriveVerdict>, 'verdict' | 'rule' | 'findings'>

/** By the rules of every audit: what is presented takes the place of what the provider says now. */
function verdictOf(record: RecordAnswer, presented: Bytes32, books: readonly Book[]): Verdict {
  const { view } = books.find(
    ({ view, registry }) => view.config.chainId === record.chainId && registry === record.registry,
  )!
  const { number, timestamp } = view.checkpoint!
  return deriveVerdict({
    given: null,
    recorded: {
      digest: record.digest as Bytes32,
      blockNumber: record.block.number,
      timestamp: record.block.timestamp,
    },
    searchedTo: { blockNumber: number, timestamp },
    finalityDepth: view.config.finalityDepth,
    now: {
      outcome: 'answered',
      storedDigest: presented,
      derivedDigest: presented,
      nonce: ZERO_BYTES32,
      answeredAt: timestamp,
      signature: '0x',
    },
    authorStatus: record.authorStatus,
  })
}

/** That nothing is there may only be said by an index that has everything, up to the head of the chain. */
function verdictOfAbsence(
  provider: Address,
  books: readonly Book[],
  participant: Participant | undefined,
  bounds: readonly AsOfBound[] | undefined,
): Verdict {
  const until = bounds === undefined ? Number.MAX_SAFE_INTEGER : latestTime(bounds)
  const named = participant?.books.filter(({ role, since }) => role === 'provider' && since <= until) ?? []
  const searched = books.filter(
    ({ view, registry }) =>
      named.length === 0 ||
      named.some((book) => book.chainId === view.config.chainId && book.registry === registry),
  )
  const rule = (name: string): Verdict => ({ verdict: 'unconfirmed', rule: name, findings: [name] })
  if (answerHeads(provider, searched).some(({ completeness }) => completeness !== 'complete'))
    return rule('index-not-complete')
  // As of an indexed block, what the chain has since then does not matter.
  const isBehind = ({ view }: Book) => bounds === undefined && view.state !== 'following'
  if (searched.length < Math.max(named.length, 1) || searched.some(isBehind))
    return rule('index-behind-the-chain')
  const {
    verdict,
    rule: decided,
    findings,
  } = deriveVerdict({
    given: null,
    recorded: null,
    searchedTo: { blockNumber: 0, timestamp: 0 },
    finalityDepth: 0,
    now: { outcome: 'unreachable', reason: 'not asked' },
    authorStatus: statusAt(participant, until),
  })
  return { verdict, rule: decided, findings: findings.filter((finding) => finding === decided) }
}

const latestTime = (bounds: readonly AsOfBound[]): number =>
  Math.max(...bounds.map(({ block }) => block?.timestamp ?? 0))
