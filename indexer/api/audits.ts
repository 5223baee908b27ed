import { Type } from 'typebox'
import type { HttpServer } from '../../http/server.ts'
import type { Json } from '../../protocol/canonical-json.ts'
import { contentHashOf } from '../../protocol/content-hash.ts'
import { CountersignError } from '../../protocol/errors.ts'
import {
  type Address,
  type Bytes32,
  hexToBytes,
  isSameAddress,
  toAddress,
  ZERO_BYTES32,
} from '../../protocol/hex.ts'
import { queryResultDigest } from '../../protocol/query-result.ts'
import { serialToKey } from '../../protocol/serial.ts'
import { deriveVerdict, VERDICTS } from '../../protocol/verdict.ts'
import { type Participant, statusAt } from '../projections/participants.ts'
import type { Proofs } from './proofs.ts'
import { type ApiDeps, answerHeads, answerRecords, type Book, booksOf } from './records.ts'
import {
  AddressSchema,
  Bytes32Schema,
  HeadSchema,
  PROBLEM_RESPONSES,
  type RecordAnswer,
  RecordSchema,
  SerialSchema,
  StandingSchema,
} from './schemas.ts'
import { standingsOf } from './standing.ts'

const KIND = 'QueryResultRegistry'

const AuditRequest = Type.Object(
  {
    serial: SerialSchema,
    provider: AddressSchema,
    digest: Type.Optional(Bytes32Schema),
    result: Type.Optional(Type.Unknown({ description: 'The answer as it is said now; with its salt' })),
    salt: Type.Optional(Bytes32Schema),
  },
  { additionalProperties: false, description: 'Either a digest, or result and salt' },
)

const AuditAnswer = Type.Object({
  serial: Type.String(),
  provider: Type.String(),
  verdict: Type.Enum([...VERDICTS], { type: 'string' }),
  rule: Type.String({ description: 'The rule that decided' }),
  findings: Type.Array(Type.String(), { description: 'Every rule that holds' }),
  presentedDigest: Type.Union([Bytes32Schema, Type.Null()]),
  record: Type.Union([RecordSchema, Type.Null()], { description: 'The record that counts' }),
  otherRecords: Type.Array(RecordSchema, {
    description: 'Of the same provider and serial elsewhere, or repeated',
  }),
  proof: Type.Union([Type.String(), Type.Null()], { description: 'Where to get the proof of the record' }),
  heads: Type.Array(HeadSchema, { description: "The provider's heads that the lookup stands on" }),
  standings: Type.Array(StandingSchema),
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
        summary: 'Compare an answer, or its digest, with what its provider recorded',
        description: 'Nothing of the body is kept or logged.',
        body: AuditRequest,
        response: { 200: AuditAnswer, 422: Type.Ref('Problem'), ...PROBLEM_RESPONSES },
      },
    },
    async ({ body }) => {
      const presented = readPresented(body)
      const provider = toAddress(body.provider)
      const books = booksOf(views.values(), KIND)
      const participant = (await directory.participants()).get(provider)
      const rows = await store.findRecords(hexToBytes(serialToKey(body.serial)))
      const own = rows.filter(({ author }) => isSameAddress(author, provider))
      const records = await answerRecords(own, body.serial, books, directory)
      const record = recordThatCounts(records, participant)
      const presentedDigest =
        record === undefined && presented.digest === undefined
          ? null
          : (presented.digest ?? presented.derive(record!, provider))
      const verdict =
        record === undefined
          ? verdictOfAbsence(provider, books, participant)
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
        standings: standingsOf(views.values()),
      }
    },
  )
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
): Verdict {
  const named = participant?.books.filter(({ role }) => role === 'provider') ?? []
  const searched = books.filter(
    ({ view, registry }) =>
      named.length === 0 ||
      named.some((book) => book.chainId === view.config.chainId && book.registry === registry),
  )
  const rule = (name: string): Verdict => ({ verdict: 'unconfirmed', rule: name, findings: [name] })
  if (answerHeads(provider, searched).some(({ completeness }) => completeness !== 'complete'))
    return rule('index-not-complete')
  if (searched.length < Math.max(named.length, 1) || searched.some(({ view }) => view.state !== 'following'))
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
    authorStatus: statusAt(participant, Number.MAX_SAFE_INTEGER),
  })
  return { verdict, rule: decided, findings: findings.filter((finding) => finding === decided) }
}
