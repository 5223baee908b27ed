import type pg from 'pg'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Columns } from '../sql/engine.ts'
import type { Value } from '../tables.ts'
import { type RawAnswer, type Statement, StatementBatch, toWire } from './statement-batch.ts'

/** What one message carries at most, but for a statement that is larger itself. */
const STATEMENTS_A_MESSAGE = 500
const BYTES_A_MESSAGE = 1_048_576

interface Question {
  /** Where among the statements of its message. */
  at: number
  answer: (rows: Columns[]) => void
  fail: (error: unknown) => void
}

/**
 * The statements of a transaction on one connection, in the order in which they were given. Those whose answer nobody needs are
 * collected, and go out together with the next one that has to be waited for: near the chain's head a commit would
 * otherwise spend most of its time on the way to the server and back.
 */
export class Pipeline {
  readonly #client: pg.Client
  readonly #prepared = new Map<string, string>()
  #statements: Statement[] = []
  #questions: Question[] = []
  #bytes = 0
  #isAsking = false
  #hasBegun = false
  /** What failed first: after that the server takes no more than the end of the transaction. */
  #failure: { error: unknown } | undefined
  /** Settles when all that went out is answered; never rejects. */
  #answered: Promise<unknown> = Promise.resolve()

  constructor(client: pg.Client) {
    this.#client = client
  }

  /** Goes out with the first statement. */
  begin(): void {
    this.#forget()
    this.#failure = undefined
    this.#hasBegun = false
    this.#add('BEGIN', [], false)
  }

  /** @throws what made any statement fail, of those collected too; nothing is committed then */
  async commit(): Promise<void> {
    this.#add('COMMIT', [], false)
    const answers = await this.flush()
    // To the COMMIT of what it has given up the server says ROLLBACK, and no error.
    if (answers.at(-1)?.tag !== 'COMMIT')
      throw new CountersignError('STORE_UNAVAILABLE', 'PostgreSQL: the transaction was rolled back')
  }

  /** Whatever is still collected is dropped. */
  async rollback(): Promise<void> {
    this.#forget()
    await this.#answered
    if (this.#hasBegun) await this.#client.query('ROLLBACK')
  }

  /** Collects a statement. Whether it fails is known when something is waited for, at the latest with `commit`. */
  async send(sql: string, values: readonly Value[]): Promise<void> {
    this.#add(sql, values, false)
    if (this.#isFull) await this.flush()
  }

  /** Its rows. What is asked in the same turn of the event loop goes out together. */
  async query(sql: string, values: readonly Value[]): Promise<Columns[]> {
    const { promise, resolve, reject } = Promise.withResolvers<Columns[]>()
    const at = this.#statements.length
    this.#add(sql, values, true)
    this.#questions.push({ at, answer: resolve, fail: reject })
    if (this.#isFull) this.flush().catch(() => {})
    else if (!this.#isAsking) {
      this.#isAsking = true
      // Whoever asked is told.
      queueMicrotask(() => this.flush().catch(() => {}))
    }
    return promise
  }

  /** Waits for everything before, then for something that speaks with the server in its own way. */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.flush()
    try {
      return await work()
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }

  flush(): Promise<readonly RawAnswer[]> {
    const statements = this.#statements
    const questions = this.#questions
    this.#forget()
    const done = this.#answered.then(() => this.#run(statements, questions))
    this.#answered = done.catch(() => {})
    return done
  }

  get #isFull(): boolean {
    return this.#statements.length >= STATEMENTS_A_MESSAGE || this.#bytes >= BYTES_A_MESSAGE
  }

  /** @throws TypeError when something is no value at all; nothing is committed then, whether anybody sees to it or not */
  #add(sql: string, values: readonly Value[], isAsked: boolean): void {
    try {
      const encoded = values.map(toWire)
      this.#statements.push({ sql, values: encoded, isAsked })
      for (const value of encoded) this.#bytes += value === null ? 0 : Buffer.byteLength(value)
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }

  #forget(): void {
    this.#statements = []
    this.#questions = []
    this.#bytes = 0
    this.#isAsking = false
  }

  async #run(
    statements: readonly Statement[],
    questions: readonly Question[],
  ): Promise<readonly RawAnswer[]> {
    try {
      if (this.#failure !== undefined) throw this.#failure.error
      if (statements.length === 0) return []
      this.#hasBegun = true
      const { done } = this.#client.query(new StatementBatch(statements, this.#prepared))
      const answers = await done
      for (const { at, answer } of questions) answer(this.#parse(answers[at]!))
      return answers
    } catch (error) {
      this.#failure ??= { error }
      for (const { fail } of questions) fail(error)
      throw error
    }
  }

  #parse({ oids, rows }: RawAnswer): Columns[] {
    const parsers = oids.map((oid) => this.#client.getTypeParser(oid, 'text') as (text: string) => unknown)
    return rows.map((row) => row.map((text, i) => (text === null ? null : parsers[i]!(text))))
  }
}
