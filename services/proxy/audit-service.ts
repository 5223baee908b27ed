import { type AuditReport, assembleAuditReport, serializeAuditReport } from '../../protocol/audit-report.ts'
import { parseJson } from '../../protocol/canonical-json.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, randomBytes32 } from '../../protocol/hex.ts'
import type { Receipt } from '../../protocol/receipt.ts'
import type { Registry } from '../../protocol/registry-domain.ts'
import type { Serial } from '../../protocol/serial.ts'
import type { Directory, Participant } from '../party/directory.ts'
import { type CheckedAuditAnswer, checkAuditAnswer, reasonOf } from './audit-answer.ts'
import type { RecordChains } from './chain/record-chains.ts'
import { recordingTimeOf, type SearchedRecord, searchRecord } from './chain/record-search.ts'
import type { ProviderClient } from './provider-client.ts'
import type { ProxyMetrics } from './proxy-metrics.ts'
import type { ProxyStore } from './store/proxy-store.ts'
import type { StoredQuery } from './store/query-store.ts'

export interface AuditServiceOptions {
  directory: Pick<Directory, 'find' | 'statusAt'>
  chains: RecordChains
  client: ProviderClient
  store: Pick<ProxyStore, 'commit' | 'audits'>
  metrics: ProxyMetrics
  /** The proxy's own, which signs reports. */
  auditor: { address: Address; privateKey: Bytes32 }
  /** Milliseconds a provider has to answer an audit. */
  auditDeadlineMs: number
  /** Unix milliseconds. */
  now?: () => number
}

export interface AuditOutcome {
  report: AuditReport
  /** The bytes of the report's file, as stored. */
  file: string
  /** Id of the stored report. */
  id: number
}

/** Audits one answer: what was given, what is on chain, and what the provider says now, each read anew every time. */
export class AuditService {
  readonly #options: AuditServiceOptions
  readonly #now: () => number

  constructor(options: AuditServiceOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /**
   * Audits, signs and stores the report. What the provider does or fails to do is in the verdict, never an error.
   * @param query the stored query; @param provider one that was asked in it
   * @param alongside written in the same transaction as the report
   * @throws PROVIDER_UNKNOWN, CHAIN_UNREACHABLE, CHAIN_UNKNOWN, RECORD_NOT_LOCATED, PROOF_UNBUILDABLE, DIRECTORY_UNAVAILABLE
   */
  async audit(
    query: StoredQuery,
    provider: Address,
    alongside?: (outcome: AuditOutcome) => void,
  ): Promise<AuditOutcome> {
    const { store, metrics, auditor } = this.#options
    const receipt = givenReceipt(query, provider)
    const participant = this.#options.directory.find(provider)
    const book = receipt ?? this.#bookOf(participant, provider)
    const { serial } = query

    const answering = this.#askNow(participant, { ...bookOnly(book), serial, provider }, receipt)
    const reading = this.#readChain(book, serial, provider, receipt, answering)
    // Both are awaited below; a failure of one must not leave the other unheard.
    const [{ now }, { recorded, head, finalityDepth }] = await Promise.all([answering, reading])
    const authorStatus = recorded
      ? await this.#options.directory.statusAt(provider, recorded.timestamp)
      : (participant?.status ?? 'none')
    const report = await assembleAuditReport(
      {
        serial,
        ...bookOnly(book),
        provider,
        auditor: auditor.address,
        given: receipt && {
          digest: receipt.digest,
          answeredAt: receipt.answeredAt,
          recordBy: receipt.recordBy,
          signature: receipt.signature,
        },
        recorded: recorded && { digest: recorded.digest, proof: recorded.proof },
        searchedTo: head,
        finalityDepth,
        now,
        authorStatus,
        auditedAt: Math.floor(this.#now() / 1000),
      },
      auditor.privateKey,
    )
    const file = serializeAuditReport(report)
    const outcome = await store.commit(() => {
      const stored = { report, file, id: store.audits.insert(report, file) }
      alongside?.(stored)
      return stored
    })
    metrics.verdicts.inc({ provider, verdict: report.verdict })
    return outcome
  }

  async #askNow(
    participant: Participant | undefined,
    record: Registry & { serial: Serial; provider: Address },
    receipt: Receipt | null,
  ): Promise<CheckedAuditAnswer> {
    const nonce = randomBytes32()
    try {
      if (participant === undefined)
        throw new CountersignError('PROVIDER_UNREACHABLE', 'the directory no longer knows it')
      const body = Buffer.from(JSON.stringify({ serial: record.serial, nonce }))
      const reply = await this.#options.client.post(
        participant,
        '/v1/audit-answers',
        body,
        this.#options.auditDeadlineMs,
      )
      return checkAuditAnswer(reply, { ...record, nonce, wasDisclosed: receipt?.disclosure === 'result' })
    } catch (error) {
      return { now: { outcome: 'unreachable', reason: reasonOf(error) } }
    }
  }

  async #readChain(
    book: Registry,
    serial: Serial,
    provider: Address,
    given: Receipt | null,
    answering: Promise<CheckedAuditAnswer>,
  ): Promise<SearchedRecord & { finalityDepth: number }> {
    const chain = this.#options.chains.get(book.chainId)
    const searched = await searchRecord(
      chain,
      { registry: book.registry, author: provider, serial },
      recordingTimeOf(given, serial),
      answering.then(({ hint }) => hint),
    )
    return { ...searched, finalityDepth: chain.finalityDepth }
  }

  #bookOf(participant: Participant | undefined, provider: Address): Registry {
    const book = participant?.books.provider
    if (book === undefined)
      throw new CountersignError('PROVIDER_UNKNOWN', `the directory names no book for ${provider}`)
    return book
  }
}

const bookOnly = ({ chainId, registry }: Registry): Registry => ({ chainId, registry })

/** The receipt that the provider gave, null when it gave none. @throws PROVIDER_UNKNOWN when it was not asked */
export function givenReceipt({ serial, outcomes }: StoredQuery, provider: Address): Receipt | null {
  const outcome = outcomes.find((candidate) => candidate.provider === provider)
  if (outcome === undefined)
    throw new CountersignError('PROVIDER_UNKNOWN', `${provider} was not asked under ${serial}`)
  return outcome.receipt === null ? null : (parseJson(outcome.receipt) as unknown as Receipt)
}
