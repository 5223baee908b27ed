import type { Logger } from 'pino'
import { encodeTime } from 'ulid'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, concatBytes, hexToBytes, keccak256Hex } from '../../protocol/hex.ts'
import { boundAltered, type SampleBound } from '../../protocol/sampling.ts'
import { newSerial, type Serial, serialToKey } from '../../protocol/serial.ts'
import { VERDICTS, type Verdict } from '../../protocol/verdict.ts'
import type { Directory } from '../party/directory.ts'
import type { AuditService } from './audit-service.ts'
import type { RecordChains } from './chain/record-chains.ts'
import { drawSample } from './sampling-worker.ts'
import type { CampaignItem, StoredCampaign } from './store/campaign-store.ts'
import type { IdempotentRequest } from './store/idempotency-store.ts'
import type { ProxyStore } from './store/proxy-store.ts'

export interface CampaignRequest {
  provider: Address
  /** Unix milliseconds: serials made from `from` (default: the first) until before `to` (default, and at most: now). */
  from?: number
  to?: number
  /** Serials to audit; all when there are fewer. */
  sampleSize: number
  /** Between 0 and 1; default 0.95. */
  confidence?: number
}

export interface CampaignServiceOptions {
  audits: AuditService
  directory: Pick<Directory, 'find'>
  chains: RecordChains
  store: ProxyStore
  logger: Logger
  /** Audits under way at a time. */
  concurrency: number
  /** Unix milliseconds. */
  now?: () => number
}

/** How a campaign stands. */
export interface CampaignProgress extends StoredCampaign {
  state: 'running' | 'finished'
  audited: number
  /** Serials drawn. */
  sampled: number
  verdicts: Partial<Record<Verdict, number>>
  /** Everything audited that was not consistent, in the order drawn. */
  exceptions: { serial: Serial; verdict: Verdict }[]
  /** Audited records that stand altered: changed, misreported or not on chain. */
  altered: number
  /** Audited records that nothing can be said of: unreachable, erased, not final yet. */
  undetermined: number
  /** What a sample like this leaves open of the population, undetermined records aside. Null until finished, or when all are undetermined. */
  bound: SampleBound | null
  /** Code of the error for which an audit is being put off right now; null when none is. */
  problem: string | null
}

const MAX_POPULATION = 1_000_000
const DEFAULT_CONFIDENCE = 0.95
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30_000
const ALTERED: readonly Verdict[] = ['changed', 'misreported', 'unrecorded']
const UNDETERMINED: readonly Verdict[] = ['unreachable', 'erased', 'unconfirmed']

/** Audits random samples. Campaigns are on disk: one that a crash ended goes on where it was. */
export class CampaignService {
  readonly #options: CampaignServiceOptions
  readonly #now: () => number
  readonly #stopping = new AbortController()
  readonly #problems = new Map<string, string>()
  #running: Promise<void> = Promise.resolve()

  constructor(options: CampaignServiceOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Goes on with the campaigns that are not finished. */
  resume(): void {
    for (const id of this.#options.store.campaigns.unfinished()) this.#enqueue(id)
  }

  /**
   * Draws the sample and starts auditing it. The seed is `keccak256(hash of the latest block ‖ campaign id)`: nobody could know it
   * when the records were made, and whoever has the population draws the same sample.
   * @throws PROVIDER_UNKNOWN, CAMPAIGN_POPULATION_UNUSABLE, CHAIN_UNREACHABLE
   */
  async start(
    request: CampaignRequest,
    apiKey: string,
    idempotent: IdempotentRequest | undefined,
  ): Promise<string> {
    const { store, chains } = this.#options
    const createdAt = this.#now()
    const { from, to, population } = this.#populationOf(request, createdAt)
    const book = this.#options.directory.find(request.provider)?.books.provider
    if (book === undefined)
      throw new CountersignError('PROVIDER_UNKNOWN', `the directory names no book for ${request.provider}`)
    const head = await chains.get(book.chainId).readHead()
    const id = newSerial()
    const seed = seedOf(head.blockHash, id)
    const size = Math.min(request.sampleSize, population.length)
    const sample = await drawSample({ population: population.join('\n'), size, seed })
    await store.commit(() => {
      store.campaigns.insert(
        {
          id,
          apiKey,
          provider: request.provider,
          from,
          to,
          confidence: request.confidence ?? DEFAULT_CONFIDENCE,
          sampleSize: sample.length,
          populationSize: population.length,
          chainId: book.chainId,
          blockNumber: head.blockNumber,
          blockHash: head.blockHash,
          seed,
          createdAt,
        },
        population,
        sample,
      )
      if (idempotent !== undefined) store.idempotency.insert(idempotent, id, createdAt)
    })
    this.#enqueue(id)
    return id
  }

  /** @throws CAMPAIGN_UNKNOWN */
  progress(id: string): CampaignProgress {
    const { campaigns } = this.#options.store
    const campaign = campaigns.find(id)
    if (campaign === undefined) throw new CountersignError('CAMPAIGN_UNKNOWN', `there is no campaign ${id}`)
    return { ...progressOf(campaign, campaigns.items(id)), problem: this.#problems.get(id) ?? null }
  }

  /** Stops between two audits; what is not audited stays for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  #populationOf(
    { provider, from: wantedFrom, to: wantedTo }: CampaignRequest,
    now: number,
  ): { from: number; to: number; population: Serial[] } {
    const from = wantedFrom ?? 0
    const to = Math.min(wantedTo ?? now, now)
    const population =
      from < to
        ? this.#options.store.queries.answeredSerials(
            provider,
            firstSerialOf(from),
            firstSerialOf(to),
            MAX_POPULATION + 1,
          )
        : []
    if (population.length === 0)
      throw new CountersignError(
        'CAMPAIGN_POPULATION_UNUSABLE',
        `${provider} gave no answers in this period through this proxy`,
      )
    if (population.length > MAX_POPULATION)
      throw new CountersignError(
        'CAMPAIGN_POPULATION_UNUSABLE',
        `more than ${MAX_POPULATION} answers lie in this period`,
      )
    return { from, to, population }
  }

  /** One campaign after the other: side by side they would only take each other's share. */
  #enqueue(id: string): void {
    this.#running = this.#running
      .then(() => this.#run(id))
      .catch((error) => {
        this.#options.logger.error({ err: error, campaign: id }, 'campaign stopped')
      })
  }

  async #run(id: string): Promise<void> {
    const { campaigns } = this.#options.store
    const campaign = campaigns.find(id)!
    const items = campaigns.items(id).filter(({ verdict }) => verdict === null)
    let next = 0
    const auditNext = async (): Promise<void> => {
      while (next < items.length && !this.#stopping.signal.aborted) {
        const item = items[next++]!
        await this.#auditItem(campaign, item)
      }
    }
    await Promise.all(Array.from({ length: this.#options.concurrency }, auditNext))
    if (this.#stopping.signal.aborted) return
    await this.#options.store.commit(() => campaigns.finish(id, this.#now()))
    this.#options.logger.info({ campaign: id, sampled: campaign.sampleSize }, 'campaign finished')
  }

  /** Repeats what fails, with growing pauses: a campaign outlives an outage of the chain. */
  async #auditItem({ id, provider }: StoredCampaign, { serial, position }: CampaignItem): Promise<void> {
    const { store, audits, logger } = this.#options
    for (let pauseMs = FIRST_RETRY_MS; !this.#stopping.signal.aborted; pauseMs *= 2) {
      try {
        await audits.audit(store.queries.find(serial)!, provider, ({ report, id: audit }) =>
          store.campaigns.finishItem(id, position, report.verdict, audit),
        )
        this.#problems.delete(id)
        return
      } catch (error) {
        const code = isCountersignError(error) ? error.code : 'INTERNAL'
        if (this.#problems.get(id) !== code)
          logger.warn({ campaign: id, code, err: error }, 'audits of a campaign are put off')
        this.#problems.set(id, code)
        await pause(Math.min(pauseMs, MAX_RETRY_MS), this.#stopping.signal)
      }
    }
  }
}

/** `keccak256(blockHash ‖ key of the campaign's id)`. */
const seedOf = (blockHash: Bytes32, id: string): Bytes32 =>
  keccak256Hex(concatBytes(hexToBytes(blockHash), hexToBytes(serialToKey(id))))

/** The least serial of a millisecond: its time and 16 zeros. */
const firstSerialOf = (time: number): Serial => `${encodeTime(time)}${'0'.repeat(16)}`

function progressOf(campaign: StoredCampaign, items: CampaignItem[]): Omit<CampaignProgress, 'problem'> {
  const audited = items.filter((item): item is CampaignItem & { verdict: Verdict } => item.verdict !== null)
  const count = (verdicts: readonly Verdict[]): number =>
    audited.filter(({ verdict }) => verdicts.includes(verdict)).length
  const altered = count(ALTERED)
  const undetermined = count(UNDETERMINED)
  const determined = audited.length - undetermined
  return {
    ...campaign,
    state: campaign.finishedAt === null ? 'running' : 'finished',
    audited: audited.length,
    sampled: campaign.sampleSize,
    verdicts: Object.fromEntries(
      VERDICTS.map((verdict) => [verdict, count([verdict])]).filter(([, n]) => n !== 0),
    ),
    exceptions: audited
      .filter(({ verdict }) => verdict !== 'consistent')
      .map(({ serial, verdict }) => ({ serial, verdict })),
    altered,
    undetermined,
    bound:
      campaign.finishedAt === null || determined === 0
        ? null
        : boundAltered({
            population: campaign.populationSize - undetermined,
            sampled: determined,
            altered,
            confidence: campaign.confidence,
          }),
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
