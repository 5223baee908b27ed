import type { Value } from '../tables.ts'

const MAX_KEYS = 128
/** While so many statements are under way, what is looked for is collected for the next. */
const MAX_UNDER_WAY = 3

/** What is looked for, as arrays that go into the statement side by side. */
type Arguments = readonly Value[]

interface Waiting<Row> {
  values: Arguments
  resolve: (rows: Row[]) => void
  reject: (error: unknown) => void
}

/**
 * Joins lookups of the same moment into one statement: a statement costs the same round trip, and nearly the same
 * work, whether it looks for one key or for many.
 */
export class JoinedLookups<Row> {
  readonly #run: (lookups: readonly Arguments[]) => Promise<Row[][]>
  #waiting: Waiting<Row>[] = []
  #underWay = 0
  #isScheduled = false

  /** @param run one statement for all of them; what it found for each, in the same order */
  constructor(run: (lookups: readonly Arguments[]) => Promise<Row[][]>) {
    this.#run = run
  }

  find(...values: Arguments): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ values, resolve, reject })
      this.#schedule()
    })
  }

  /** After what came with the same turn of the event loop. */
  #schedule(): void {
    if (this.#isScheduled || this.#underWay >= MAX_UNDER_WAY) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      while (this.#waiting.length > 0 && this.#underWay < MAX_UNDER_WAY) void this.#start()
    })
  }

  async #start(): Promise<void> {
    const batch = this.#waiting.splice(0, MAX_KEYS)
    this.#underWay++
    try {
      const found = await this.#run(batch.map(({ values }) => values))
      for (const [i, { resolve }] of batch.entries()) resolve(found[i]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#underWay--
      if (this.#waiting.length > 0) this.#schedule()
    }
  }
}
