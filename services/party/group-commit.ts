import type { DatabaseSync, StatementSync } from 'node:sqlite'

export interface GroupCommitOptions {
  /** Writes in one transaction at most. Default 1,000: it bounds how long one commit keeps the event loop. */
  maxWrites?: number
  /** Milliseconds from one commit to the next, at least. Default 8: under load more writers share one fsync, and an idle writer waits for nobody. */
  intervalMs?: number
}

interface Write {
  run: () => unknown
  resolve: (value: unknown) => void
  reject: (reason: unknown) => void
}

type Settled = { write: Write; value: unknown } | { write: Write; error: unknown }

const DEFAULT_MAX_WRITES = 1_000
const DEFAULT_INTERVAL_MS = 8

/**
 * Lets the writers of one turn of the event loop share one transaction, and so one fsync. Writes run in the order in which they were
 * asked for; one that throws is undone by itself and spoils no other. A promise resolves after the COMMIT, never before.
 */
export class GroupCommit {
  readonly #db: DatabaseSync
  readonly #maxWrites: number
  readonly #queue: Write[] = []
  readonly #intervalMs: number
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #savepoint: StatementSync
  readonly #release: StatementSync
  #isScheduled = false
  #committedAt = 0

  constructor(db: DatabaseSync, options: GroupCommitOptions = {}) {
    this.#db = db
    this.#maxWrites = options.maxWrites ?? DEFAULT_MAX_WRITES
    this.#intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
    this.#savepoint = db.prepare('SAVEPOINT one_write')
    this.#release = db.prepare('RELEASE one_write')
  }

  /** Runs `run` in a transaction; resolves to what it returned once that is on disk. `run` must be synchronous. */
  write<T>(run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run, resolve: resolve as (value: unknown) => void, reject })
      if (this.#isScheduled) return
      this.#schedule()
    })
  }

  /** Resolves when everything asked for so far is on disk, or has failed. */
  async drain(): Promise<void> {
    while (this.#queue.length > 0) await this.write(() => {}).catch(() => {})
  }

  #schedule(): void {
    this.#isScheduled = true
    const wait = this.#intervalMs - (performance.now() - this.#committedAt)
    if (wait > 0 && this.#queue.length < this.#maxWrites) setTimeout(() => this.#flush(), wait)
    else setImmediate(() => this.#flush())
  }

  #flush(): void {
    const writes = this.#queue.splice(0, this.#maxWrites)
    this.#isScheduled = false
    if (this.#queue.length > 0) this.#schedule()
    let settled: Settled[]
    try {
      this.#begin.run()
      settled = writes.map((write) => this.#runAlone(write))
      this.#commit.run()
      this.#committedAt = performance.now()
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('ROLLBACK')
      for (const { reject } of writes) reject(error)
      return
    }
    for (const outcome of settled) {
      if ('error' in outcome) outcome.write.reject(outcome.error)
      else outcome.write.resolve(outcome.value)
    }
  }

  #runAlone(write: Write): Settled {
    this.#savepoint.run()
    try {
      const value = write.run()
      this.#release.run()
      return { write, value }
    } catch (error) {
      this.#db.exec('ROLLBACK TO one_write; RELEASE one_write')
      return { write, error }
    }
  }
}
