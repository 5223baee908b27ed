import { canonicalBytes } from '../../protocol/canonical-json.ts'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import type { Address } from '../../protocol/hex.ts'
import type { Disclosure } from '../../protocol/receipt.ts'
import { newSerial, type Serial } from '../../protocol/serial.ts'
import type { Participant } from '../party/directory.ts'
import type { QueryType } from '../party/query-types.ts'
import type { AnswerChecker } from './answer-check.ts'
import type { ProviderClient } from './provider-client.ts'
import { entryProblemOf, refusalOf } from './provider-problem.ts'
import type { ProxyMetrics } from './proxy-metrics.ts'
import type { IdempotentRequest } from './store/idempotency-store.ts'
import type { ProxyStore } from './store/proxy-store.ts'
import type { StoredOutcome, StoredQuery } from './store/query-store.ts'

export interface QueryRequest {
  type: string
  subject: unknown
  parameters?: unknown
  /** Default: every active provider of the type. */
  providers?: Address[]
  disclosure?: Disclosure
}

export interface QueryServiceOptions {
  queryTypes: Map<string, QueryType>
  /** The active providers that serve a query type, in order of registration. */
  providersOf: (type: string) => readonly Participant[]
  client: ProviderClient
  checkAnswer: AnswerChecker
  store: Pick<ProxyStore, 'commit' | 'queries' | 'idempotency'>
  metrics: ProxyMetrics
  /** Milliseconds each provider has. */
  providerDeadlineMs: number
  /** Unix milliseconds. */
  now?: () => number
}

/** Asks providers, and keeps what they gave before anybody is told. */
export class QueryService {
  readonly #options: QueryServiceOptions
  readonly #now: () => number

  constructor(options: QueryServiceOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /**
   * Forwards a query to its providers, all at once, and stores what each gave. A provider that is slow, away or wrong spoils its own entry only.
   * @throws JSON_NOT_CANONICALISABLE, QUERY_TYPE_UNKNOWN, QUERY_INVALID, PROVIDER_NOT_ACTIVE, QUERY_TYPE_UNSERVED, DIRECTORY_UNAVAILABLE
   */
  async ask(
    request: QueryRequest,
    apiKey: string,
    idempotent: IdempotentRequest | undefined,
  ): Promise<StoredQuery> {
    const type = this.#typeOf(request)
    const providers = this.#providersOf(request)
    const disclosure = request.disclosure ?? 'result'
    const serial = newSerial()
    const askedAt = this.#now()
    const body = canonicalBytes({
      serial,
      type: request.type,
      subject: request.subject,
      ...(request.parameters === undefined ? {} : { parameters: request.parameters }),
      disclosure,
    })
    const outcomes = await Promise.all(
      providers.map((provider) => this.#askOne(provider, body, { serial, disclosure, type })),
    )
    const query: StoredQuery = { serial, apiKey, type: request.type, disclosure, askedAt, outcomes }
    const { store, metrics } = this.#options
    await store.commit(() => {
      store.queries.insert(query)
      if (idempotent !== undefined) store.idempotency.insert(idempotent, serial, askedAt)
    })
    metrics.queries.inc({ type: request.type })
    return query
  }

  #typeOf({ type: name, subject, parameters }: QueryRequest): QueryType {
    const type = this.#options.queryTypes.get(name)
    if (type === undefined)
      throw new CountersignError(
        'QUERY_TYPE_UNKNOWN',
        `there is no query type ${JSON.stringify(name.slice(0, 40))}`,
      )
    type.checkQuery(subject, parameters ?? {})
    return type
  }

  #providersOf({ type, providers: wanted }: QueryRequest): readonly Participant[] {
    const active = this.#options.providersOf(type)
    if (wanted === undefined) {
      if (active.length === 0)
        throw new CountersignError(
          'QUERY_TYPE_UNSERVED',
          `no active provider answers queries of type ${type}`,
        )
      return active
    }
    return [...new Set(wanted)].map((address) => {
      const provider = active.find((candidate) => candidate.address === address)
      if (provider === undefined)
        throw new CountersignError(
          'PROVIDER_NOT_ACTIVE',
          `${address} is no active provider of query type ${type}`,
        )
      return provider
    })
  }

  async #askOne(
    provider: Participant,
    body: Uint8Array,
    query: { serial: Serial; disclosure: Disclosure; type: QueryType },
  ): Promise<StoredOutcome> {
    const { client, checkAnswer, metrics, providerDeadlineMs } = this.#options
    const { address, name } = provider
    const startedAt = performance.now()
    let outcome: StoredOutcome
    try {
      const reply = await client.post(provider, '/v1/answers', body, providerDeadlineMs)
      const refusal = refusalOf(reply)
      if (refusal !== undefined)
        outcome = {
          provider: address,
          name,
          outcome: 'refused',
          receipt: null,
          error: JSON.stringify(refusal),
        }
      else {
        if (reply.status !== 200)
          throw new CountersignError(
            'PROVIDER_ANSWER_INVALID',
            `HTTP status ${reply.status} without a problem document`,
          )
        const receipt = await checkAnswer(reply.body, {
          ...query,
          provider: address,
          book: provider.books.provider,
        })
        outcome = { provider: address, name, outcome: 'answered', receipt, error: null }
      }
    } catch (error) {
      outcome = failed(address, name, error)
    }
    metrics.outcomes.inc({ provider: address, outcome: outcome.outcome })
    metrics.providerSeconds.observe({ provider: address }, (performance.now() - startedAt) / 1000)
    return outcome
  }
}

function failed(provider: Address, name: string, error: unknown): StoredOutcome {
  if (!isCountersignError(error)) throw error
  const outcome =
    error.code === 'PROVIDER_TIMED_OUT'
      ? 'timed-out'
      : error.code === 'PROVIDER_UNREACHABLE'
        ? 'unreachable'
        : 'invalid'
  return { provider, name, outcome, receipt: null, error: JSON.stringify(entryProblemOf(error)) }
}
