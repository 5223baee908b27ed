import type pg from 'pg'
import type { Value } from '../tables.ts'
import { escapeText } from './text-escape.ts'

export type WireValue = Buffer | string | null

export interface Statement {
  sql: string
  values: WireValue[]
  /** Whether anybody waits for its rows. */
  isAsked: boolean
}

/** Rows as the server spells them, and what their columns are. */
export interface RawAnswer {
  oids: readonly number[]
  rows: (string | null)[][]
  /** What the server says that it has done: `COMMIT`, `INSERT 0 1`, …; empty before. */
  tag: string
}

/**
 * Statements that go out in one message (pipelining of the extended query protocol, PostgreSQL documentation 55.2.3): none waits for
 * the answer to the one before, and after one that fails the server passes over all others.
 */
export class StatementBatch implements pg.Submittable {
  readonly #statements: readonly Statement[]
  readonly #prepared: Map<string, string>
  readonly #made = new Map<string, string>()
  readonly #answers: RawAnswer[]
  #at = 0
  /** The driver wraps it to give up what takes too long. */
  callback: (error: Error | null | undefined) => void
  readonly done: Promise<RawAnswer[]>

  /** @param prepared names of what this connection has prepared, by text; added to when all went well */
  constructor(statements: readonly Statement[], prepared: Map<string, string>) {
    this.#statements = statements
    this.#prepared = prepared
    this.#answers = statements.map(() => ({ oids: [], rows: [], tag: '' }))
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer[]>()
    this.done = promise
    // Whoever could not send it does not wait for it.
    promise.catch(() => {})
    this.callback = (error) => (error ? reject(error) : resolve(this.#answers))
  }

  submit(connection: pg.Connection): void {
    connection.stream.cork()
    try {
      for (const { sql, values, isAsked } of this.#statements) {
        const statement = this.#prepare(connection, sql)
        connection.bind({ statement, values }, true)
        if (isAsked) connection.describe({ type: 'P' }, true)
        connection.execute(null, true)
      }
      connection.sync()
    } catch (error) {
      // Half a message is on its way: the server would wait for the rest.
      connection.stream.destroy()
      throw error
    } finally {
      connection.stream.uncork()
    }
  }

  #prepare(connection: pg.Connection, sql: string): string {
    const known = this.#prepared.get(sql) ?? this.#made.get(sql)
    if (known !== undefined) return known
    const name = `w${this.#prepared.size + this.#made.size + 1}`
    // A batch that failed may have left it.
    connection.close({ type: 'S', name }, true)
    connection.parse({ name, text: sql, types: [] }, true)
    this.#made.set(sql, name)
    return name
  }

  handleRowDescription({ fields }: { fields: readonly { dataTypeID: number }[] }): void {
    this.#answers[this.#at]!.oids = fields.map(({ dataTypeID }) => dataTypeID)
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.#statements[this.#at]!.isAsked) this.#answers[this.#at]!.rows.push(fields)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#answers[this.#at++]!.tag = text
  }

  handleReadyForQuery(): void {
    for (const [sql, name] of this.#made) this.#prepared.set(sql, name)
    this.callback(null)
  }

  handleError(error: Error): void {
    this.callback(error)
  }
}

/**
 * Bytes as they are, everything else as text, whose type is the one that the statement has in its place.
 * @throws TypeError when it is no value at all
 */
export function toWire(value: Value): WireValue {
  if (value === null) return null
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escapeText(value)
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
