import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isCountersignError } from '../../../protocol/errors.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { GroupCommit } from '../../party/group-commit.ts'
import type { KeyedLocks } from '../../party/keyed-locks.ts'
import type { ContentStore } from '../content-store/content-store.ts'
import type { ErasedEvidence, EvidenceStore } from '../store/evidence-store.ts'

export interface EraserDeps {
  db: DatabaseSync
  commits: GroupCommit
  evidence: EvidenceStore
  contents: ContentStore
  contentLocks: KeyedLocks
  logger: Logger
}

const BATCH = 100
/** Nobody is served while traces are removed: that may take a tenth of the time. */
const PAUSE_PER_REMOVAL = 10
const MAX_PAUSE_MS = 1_000
/** How often what could not be finished is tried again. */
const TRY_AGAIN_MS = 60_000

/**
 * Destroys what is kept of evidence: content, salt share, metadata, content hash and credential. The digest stays, and without the
 * share nobody finds out what it was made of. What was begun is finished, by the next start at the latest.
 */
export class EvidenceEraser {
  readonly #deps: EraserDeps
  readonly #forgetRequests
  #timer: NodeJS.Timeout | undefined
  #finishing: Promise<void> = Promise.resolve()
  #isStopping = false
  #hasTraces = true
  #removal: Promise<void> | undefined
  #nextRemovalAt = 0

  constructor(deps: EraserDeps) {
    this.#deps = deps
    this.#forgetRequests = deps.db.prepare('DELETE FROM idempotency_keys WHERE credential_id = ?')
  }

  /** Begins to finish what an earlier process began, then looks from time to time whether there is more. */
  start(): void {
    const look = (): void => {
      this.#finishing = this.#finishAll()
        .then(() => (this.#hasTraces ? this.#removeTraces() : undefined))
        .catch((err) => this.#deps.logger.error({ err }, 'erasures could not be finished'))
        .finally(() => {
          if (!this.#isStopping) this.#timer = setTimeout(look, TRY_AGAIN_MS).unref()
        })
    }
    look()
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#timer)
    await this.#finishing
  }

  /**
   * Resolves once nothing of it is kept any more. Erasing again changes nothing.
   * @throws EVIDENCE_STORE_UNAVAILABLE: then it is begun, no longer given out, and finished later
   */
  async erase(credentialId: Serial): Promise<ErasedEvidence> {
    const { commits, evidence } = this.#deps
    await commits.write(() => evidence.beginErasure(credentialId))
    await this.#finish(credentialId)
    if (this.#hasTraces) await this.#removeTraces()
    return evidence.find(credentialId) as ErasedEvidence
  }

  async #finish(credentialId: Serial): Promise<void> {
    const { commits, evidence, contents, contentLocks, logger } = this.#deps
    const begun = evidence.find(credentialId)
    if (begun?.state !== 'erasing') return
    await contentLocks.run([begun.contentHash], async () => {
      // Others may have handed in the same; while the lock is held, nobody begins to.
      if (evidence.countWithContent(begun.contentHash) === 0) await contents.remove(begun.contentHash)
      await commits.write(() => {
        evidence.finishErasure(begun, Date.now())
        // What was asked for, as a fingerprint that the server's secret turns into a way to try guesses.
        this.#forgetRequests.run(credentialId)
      })
      this.#hasTraces = true
    })
    logger.info({ credentialId }, 'evidence erased')
  }

  /** Together for all that wait for it. */
  #removeTraces(): Promise<void> {
    this.#removal ??= sleep(Math.max(0, this.#nextRemovalAt - performance.now())).then(() => {
      // Whoever comes from now on has traces of its own.
      this.#removal = undefined
      const startedAt = performance.now()
      try {
        this.#cutLog()
      } finally {
        const endedAt = performance.now()
        this.#nextRemovalAt = endedAt + Math.min(PAUSE_PER_REMOVAL * (endedAt - startedAt), MAX_PAUSE_MS)
      }
    })
    return this.#removal
  }

  /** Freed pages are overwritten, but the write-ahead log has them as they were until it is written back and cut. */
  #cutLog(): void {
    const { db } = this.#deps
    // Nobody is waited for: all requests would wait too.
    const { timeout } = db.prepare('PRAGMA busy_timeout').get() as { timeout: number }
    db.exec('PRAGMA busy_timeout = 0')
    try {
      const { busy } = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
      this.#hasTraces = busy !== 0
    } finally {
      db.exec(`PRAGMA busy_timeout = ${timeout}`)
    }
    if (this.#hasTraces)
      this.#deps.logger.warn('somebody reads the database: what was erased stays in its log for now')
  }

  async #finishAll(): Promise<void> {
    const { evidence } = this.#deps
    for (let begun = evidence.erasing(0, BATCH); begun.length > 0; ) {
      for (const { credentialId } of begun)
        if (this.#isStopping || !(await this.#tryToFinish(credentialId))) return
      begun = evidence.erasing(begun.at(-1)!.id, BATCH)
    }
  }

  /** False when no other can be finished either. */
  async #tryToFinish(credentialId: Serial): Promise<boolean> {
    const { contents, logger } = this.#deps
    try {
      await this.#finish(credentialId)
      return true
    } catch (error) {
      const isOfStore = isCountersignError(error, 'EVIDENCE_STORE_UNAVAILABLE')
      logger.error(
        { credentialId, ...(isOfStore ? { code: error.code } : { err: error }) },
        'an erasure could not be finished; it is tried again',
      )
      if (!isOfStore) return true
      // Of this content, or of all?
      return contents.identity().then(
        () => true,
        () => false,
      )
    }
  }
}
