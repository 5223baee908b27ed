import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Random } from '../support/fault-random.ts'
import type { ChainTruth, TrueRecord } from './chain-truth.ts'

interface Standing {
  block: { number: number; hash: string }
  state: string
  completeness: string
}

interface AnsweredRecord {
  serial: string
  provider: string
  digest: string
  tier: string
  transactionHash: string
  block: { number: number; hash: string; timestamp: number }
  logIndex: number
  entryIndex: number
  completeness: string
}

interface Answer {
  status: number
  body: {
    code?: string
    standings?: Standing[]
    records?: AnsweredRecord[]
    books?: { head: string; completeness: string }[]
    details?: { standings?: Standing[] }
    next?: string | null
  }
}

interface Observation extends Answer {
  asked: { record: TrueRecord } | { head: string } | { list: string }
  /** `performance.now()` when the answer was there. */
  at: number
}

/** An answer that was wrong without saying so. */
export interface Violation {
  what: string
  /** Of the first time. */
  detail: Record<string, unknown>
  times: number
}

export interface WitnessOptions {
  random: Random
  truth: () => ChainTruth
  /** Where the indexer listens at the moment; undefined while it is down. */
  url: () => string | undefined
  /** How long a gap may go unnoticed: the time between two checks of completeness, and a little. */
  noticedWithinMs: number
  everyMs: number
}

const REQUEST_TIMEOUT_MS = 5_000

/** Asks the API all the time, as its users do, and holds every answer against what the chain says or said. */
export class Witness {
  readonly #options: WitnessOptions
  readonly #abort = new AbortController()
  readonly #violations = new Map<string, Violation>()
  #observations: Observation[] = []
  /** Since when a record is answered as missing, though it is on chain and nothing says that something is missing. */
  readonly #silentSince = new Map<string, number>()
  #running: Promise<void> | undefined
  #pool: { url: string; pool: Pool } | undefined
  #answers = 0
  #complete = 0

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  /** Answers judged, and those of them that said they were complete. */
  get counts(): { answers: number; complete: number } {
    return { answers: this.#answers, complete: this.#complete }
  }

  get violations(): Violation[] {
    return [...this.#violations.values()]
  }

  start(): void {
    this.#running ??= this.#watch()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    await this.#pool?.pool.destroy()
  }

  async #watch(): Promise<void> {
    const { random, truth, everyMs } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => {})
      const records = truth().records()
      const kind = random.next()
      if (kind < 0.15) {
        const author = random.pick(truth().authors)
        await this.#ask(`/v1/authors/${author}/completeness`, { head: author })
      } else if (kind < 0.3) {
        const author = random.pick(truth().authors)
        await this.#ask(`/v1/results?provider=${author}&limit=200`, { list: author })
      } else if (records.length > 0) {
        // Half of the questions are about what is new, where mistakes are made.
        const newest = records.slice(-20)
        const record = random.pick(random.chance(0.5) ? newest : records)
        await this.#ask(`/v1/results/${record.serial}/${record.provider}`, { record })
      }
    }
  }

  async #ask(path: string, asked: Observation['asked']): Promise<void> {
    const url = this.#options.url()
    if (url === undefined) return
    if (this.#pool?.url !== url) {
      void this.#pool?.pool.destroy()
      this.#pool = { url, pool: new Pool(url, { connections: 1, headersTimeout: REQUEST_TIMEOUT_MS }) }
    }
    try {
      const { statusCode, body } = await this.#pool.pool.request({ path, method: 'GET' })
      const answer = { status: statusCode, body: (await body.json()) as Answer['body'] }
      this.#observations.push({ ...answer, asked, at: performance.now() })
    } catch (error) {
      if ((error as { code?: string }).code === 'UND_ERR_HEADERS_TIMEOUT') this.#accuse('no answer', { path })
    }
  }

  /** To be called when what the chain said is known up to now. */
  judge(): void {
    const observations = this.#observations
    this.#observations = []
    for (const observation of observations) this.#judge(observation)
  }

  #judge(observation: Observation): void {
    const { status, body, asked, at } = observation
    this.#answers++
    if (status !== 200 && status !== 404 && status !== 503) {
      this.#accuse('an answer that should not be', { status, body })
      return
    }
    const standing = (body.standings ?? body.details?.standings)?.[0]
    if (standing === undefined) return
    const truth = this.#options.truth()
    const isComplete = standing.completeness === 'complete'
    if (isComplete) this.#complete++
    const block = truth.find(standing.block.hash)
    if (block === undefined) {
      // Before the first block that matters, or a block that no branch ever had.
      if (standing.block.number >= truth.firstNumber)
        this.#accuse('stands at a block that the chain never had', { standing })
      return
    }
    if (!isComplete) return
    const onBranch = truth.recordsUpTo(block.hash)
    for (const record of body.records ?? []) this.#judgeRecord(record, onBranch, standing)
    if ('head' in asked) {
      const book = body.books?.[0]
      const isSilent = book?.completeness === 'complete' && book.head !== block.heads.get(asked.head)
      this.#judgeSilence(`head ${asked.head}`, isSilent, at, {
        standing,
        book,
        head: block.heads.get(asked.head),
      })
    } else if ('list' in asked) {
      if (status !== 200 || body.next !== null) return
      const expected = onBranch.filter(({ provider }) => provider === asked.list).length
      const isSilent =
        body.records!.length < expected &&
        body.records!.every(({ completeness }) => completeness === 'complete')
      this.#judgeSilence(`list ${asked.list}`, isSilent, at, {
        standing,
        listed: body.records!.length,
        expected,
      })
    } else {
      const { record } = asked
      const isThere = onBranch.some((one) => one.serial === record.serial && one.provider === record.provider)
      const isSilent = status === 404 && isThere
      this.#judgeSilence(`${record.serial} ${record.provider}`, isSilent, at, { standing, record })
    }
  }

  #judgeRecord(record: AnsweredRecord, onBranch: readonly TrueRecord[], standing: Standing): void {
    if (record.completeness !== 'complete') return
    const { block, logIndex, entryIndex } = record
    const found = onBranch.find(
      (one) => one.blockHash === block.hash && one.logIndex === logIndex && one.entryIndex === entryIndex,
    )
    if (found === undefined) {
      const onAnother = this.#options.truth().findRecord(block.hash, logIndex, entryIndex) !== undefined
      this.#accuse('a record that the branch it stands on does not have', { standing, record, onAnother })
      return
    }
    const isSame =
      found.serial === record.serial &&
      found.provider === record.provider.toLowerCase() &&
      found.digest === record.digest &&
      found.tier === record.tier &&
      found.transactionHash === record.transactionHash &&
      found.blockNumber === block.number &&
      found.timestamp === block.timestamp
    if (!isSame) this.#accuse('a record that is not as on chain', { record, found })
  }

  /** What is missing without a word must be noticed within one check of completeness. */
  #judgeSilence(key: string, isSilent: boolean, at: number, detail: Record<string, unknown>): void {
    if (!isSilent) {
      this.#silentSince.delete(key)
      return
    }
    const since = this.#silentSince.get(key) ?? at
    this.#silentSince.set(key, since)
    if (at - since > this.#options.noticedWithinMs)
      this.#accuse('missing, and called complete', { ...detail, forMs: Math.round(at - since) })
  }

  #accuse(what: string, detail: Record<string, unknown>): void {
    const known = this.#violations.get(what)
    if (known === undefined) this.#violations.set(what, { what, detail, times: 1 })
    else known.times++
  }
}
