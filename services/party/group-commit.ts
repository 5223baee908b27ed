import type { DatabaseSync } from 'node:sqlite'

export interface GroupCommitOptions {
  /** Writes in one transaction at most. Default 1,000: it bounds how long one commit keeps the event loop. */
  maxWrites?: number
}

interface Write {
  run: () => unknown
  resolve: (value: unknown) => void
  reject: (reason: unknown) => void
}

type Settled = { write: Write; value: unknown } | { write: Write; error: unknown }

const DEFAULT_MAX_WRITES = 1_000

/**
 * Lets the writers of one turn of the event loop share one transaction, and so one fsync. Writes run in the order in which they were
 * asked for; one that throws is undone by itself and spoils no other. A promise resolves after the COMMIT, never before.
 */
export class GroupCommit {
  readonly #db: DatabaseSync
  readonly #maxWrites: number
  readonly #queue: Write[] = []
  #isScheduled = false

  constructor(db: DatabaseSync, options: GroupCommitOptions = {}) {
    this.#db = db
    this.#maxWrites = options.maxWrites ?? DEFAULT_MAX_WRITES
  }

  /** Runs `run` in a transaction; resolves to what it returned once that is on disk. `run` must be synchronous. */
  write<T>(run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run, resolve: resolve as (value: unknown) => void, reject })
      if (this.#isScheduled) return
      this.#isScheduled = true
      setImmediate(() => this.#flush())
    })
  }

  /** Resolves when everything asked for so far is on disk, or has failed. */
  async drain(): Promise<void> {
    while (this.#queue.length > 0) await this.write(() => {}).catch(() => {})
  }

  #flush(): void {
    const writes = this.#queue.splice(0, this.#maxWrites)
    this.#isScheduled = this.#queue.length > 0
    if (this.#isScheduled) setImmediate(() => this.#flush())
    let settled: Settled[]
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      settled = writes.map((write) => this.#runAlone(write))
      this.#db.exec('COMMIT')
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
    this.#db.exec('SAVEPOINT one_write')
    try {
      const value = write.run()
      this.#db.exec('RELEASE one_write')
      return { write, value }
    } catch (error) {
      this.#db.exec('ROLLBACK TO one_write; RELEASE one_write')
      return { write, error }
    }
  }
}
