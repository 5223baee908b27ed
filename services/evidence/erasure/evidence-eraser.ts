import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from 'pino'
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

  constructor(deps: EraserDeps) {
    this.#deps = deps
    this.#forgetRequests = deps.db.prepare('DELETE FROM idempotency_keys WHERE credential_id = ?')
  }

  /** Begins to finish what an earlier process began, then looks from time to time whether there is more. */
  start(): void {
    const look = (): void => {
      this.#finishing = this.#finishing
        .then(() => this.#finishAll())
        .catch((err) => this.#deps.logger.error({ err }, 'traces of erasures could not be removed'))
    }
    look()
    this.#timer = setInterval(look, TRY_AGAIN_MS)
    this.#timer.unref()
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
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
    this.#removeTraces()
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

  /** Freed pages are overwritten, but the write-ahead log has them as they were until it is written back and cut. */
  #removeTraces(): void {
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
    const { evidence, logger } = this.#deps
    try {
      for (let begun = evidence.erasing(BATCH); begun.length > 0; begun = evidence.erasing(BATCH))
        for (const { credentialId } of begun) {
          if (this.#isStopping) return
          await this.#finish(credentialId)
        }
    } catch (err) {
      logger.error({ err }, 'an erasure could not be finished; it is tried again')
    } finally {
      if (this.#hasTraces) this.#removeTraces()
    }
  }
}
