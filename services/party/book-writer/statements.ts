import type { DatabaseSync, StatementSync } from 'node:sqlite'

type Parameter = string | number | Uint8Array | null

/** The statements of a database, each prepared once. */
export class Statements {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }

  run(sql: string, ...parameters: Parameter[]): ReturnType<StatementSync['run']> {
    return this.prepare(sql).run(...parameters)
  }
}
