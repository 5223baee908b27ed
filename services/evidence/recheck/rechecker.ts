import type { Logger } from 'pino'
import { type CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { GroupCommit } from '../../party/group-commit.ts'
import type { ContentStore } from '../content-store/content-store.ts'
import { type Findings, isFailure } from '../notices/findings.ts'
import type { EvidenceStore } from '../store/evidence-store.ts'
import type { EvidenceVerifier } from '../verification/evidence-verifier.ts'
import { Pacer } from './pacer.ts'
import type { RecheckRound, RecheckStore } from './recheck-store.ts'

export interface RecheckSettings {
  /** Content bytes read a second; 0 for any number. */
  bytesPerSecond: number
  /** Documents read a second; 0 for any number. */
  documentsPerSecond: number
  /** Milliseconds from the end of a round to the beginning of the next. */
  pauseMs: number
}

export interface RecheckerDeps extends RecheckSettings {
  commits: GroupCommit
  rounds: RecheckStore
  evidence: EvidenceStore
  contents: Pick<ContentStore, 'identity'>
  verifier: Pick<EvidenceVerifier, 'recheck'>
  findings: Findings
  logger: Logger
}

/** Documents looked up at a time. */
const BATCH = 50
/** Rounds that have nothing to read take no time. */
const MIN_PAUSE_MS = 100
const ATTEMPTS = 3
const FIRST_BACKOFF_MS = 250
const MAX_BACKOFF_MS = 60_000
/** With these no other document could be checked either. */
const OUTAGES = ['CHAIN_UNREACHABLE', 'CHAIN_MISMATCH', 'NOT_READY'] as const

/** Reads everything that is kept again and again, at a set rate, one document after the other; a round goes on after a restart. */
export class Rechecker {
  readonly #deps: RecheckerDeps
  readonly #stop = new AbortController()
  readonly #bytes: Pacer
  readonly #documents: Pacer
  #loop: Promise<void> | undefined
  #wake: (() => void) | undefined
  #waitsFor: string | null = null

  constructor(deps: RecheckerDeps) {
    this.#deps = deps
    this.#bytes = new Pacer(deps.bytesPerSecond)
    this.#documents = new Pacer(deps.documentsPerSecond)
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** What is being read is read again after the next start. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    await this.#loop
  }

  /** The round under way, or one that begins now. */
  async request(): Promise<RecheckRound> {
    const round = await this.#begin()
    this.#wake?.()
    return round
  }

  /** The latest round; undefined before the first. */
  latest(): RecheckRound | undefined {
    return this.#deps.rounds.latest()
  }

  /** Code of the error for which the round waits; null while it goes on. */
  get waitsFor(): string | null {
    return this.#waitsFor
  }

  get #isStopping(): boolean {
    return this.#stop.signal.aborted
  }

  async #run(): Promise<void> {
    const { rounds, logger, pauseMs } = this.#deps
    while (!this.#isStopping)
      try {
        const latest = rounds.latest()
        if (latest?.finishedAt === null) await this.#runRound(latest)
        else {
          const wait =
            latest === undefined ? 0 : latest.finishedAt + Math.max(pauseMs, MIN_PAUSE_MS) - Date.now()
          if (wait > 0) await this.#pause(wait)
          else await this.#begin()
        }
      } catch (err) {
        if (this.#isStopping) return
        logger.error({ err }, 'a recheck was interrupted; it goes on')
        await this.#pause(FIRST_BACKOFF_MS)
      }
  }

  #begin(): Promise<RecheckRound> {
    const { commits, rounds } = this.#deps
    return commits.write(() => {
      const latest = rounds.latest()
      return latest?.finishedAt === null ? latest : rounds.begin(Date.now())
    })
  }

  async #runRound(round: RecheckRound): Promise<void> {
    const { commits, rounds, logger } = this.#deps
    for (;;) {
      const due = rounds.due(round, BATCH)
      if (due.length === 0) break
      for (const credentialId of due) {
        if (this.#isStopping) return
        await this.#check(round, credentialId)
      }
    }
    await commits.write(() => rounds.finish(round, Date.now()))
    const { id, documents, bytes, failed, unreadable } = rounds.latest()!
    logger.info({ round: id, documents, bytes, failed, unreadable }, 'recheck finished')
  }

  /** Until there is a verdict, or it is clear that this document alone cannot be read. */
  async #check(round: RecheckRound, credentialId: Serial): Promise<void> {
    const { logger } = this.#deps
    for (let attempts = 1, waits = 0; !this.#isStopping; ) {
      try {
        await this.#checkOnce(round, credentialId)
        this.#waitsFor = null
        return
      } catch (error) {
        if (this.#isStopping) return
        if (await this.#isOutage(error)) {
          const { code } = error as CountersignError
          if (this.#waitsFor !== code) logger.warn({ code }, 'the recheck waits')
          this.#waitsFor = code
          await this.#pause(Math.min(FIRST_BACKOFF_MS * 2 ** waits++, MAX_BACKOFF_MS))
        } else if (attempts++ < ATTEMPTS) await this.#pause(FIRST_BACKOFF_MS)
        else {
          logger.error({ credentialId, err: error }, 'evidence could not be checked')
          await this.#skip(round, credentialId, error)
          return
        }
      }
    }
  }

  async #checkOnce(round: RecheckRound, credentialId: Serial): Promise<void> {
    const { evidence, rounds, verifier, findings } = this.#deps
    const { signal } = this.#stop
    await this.#documents.take(1, signal)
    const kept = evidence.find(credentialId)
    if (kept?.state !== 'kept') return
    const pace = (bytes: number): Promise<void> => this.#bytes.take(bytes, signal)
    const verdict = await verifier.recheck(kept, { signal, pace })
    await findings.note({ credentialId, verdict }, () =>
      rounds.checked(round, credentialId, kept.size, isFailure(verdict)),
    )
  }

  /** Its client is told what the store does not give out; what a node contradicts itself about says nothing of the evidence. */
  async #skip(round: RecheckRound, credentialId: Serial, error: unknown): Promise<void> {
    const { commits, rounds, findings } = this.#deps
    const skip = (): void => rounds.skipped(round, credentialId)
    if (isCountersignError(error, 'EVIDENCE_STORE_UNAVAILABLE'))
      await findings.note({ credentialId, verdict: 'unreadable' }, skip)
    else await commits.write(skip)
  }

  async #isOutage(error: unknown): Promise<boolean> {
    if (!isCountersignError(error)) return false
    if (error.code !== 'EVIDENCE_STORE_UNAVAILABLE') return OUTAGES.some((code) => error.code === code)
    // Of one content, or of all?
    return this.#deps.contents.identity().then(
      () => false,
      () => true,
    )
  }

  #pause(ms: number): Promise<void> {
    if (this.#isStopping) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#wake = end
    })
  }
}
