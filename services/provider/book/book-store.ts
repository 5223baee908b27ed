import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { type Bytes32, keccak256Hex, utf8ToBytes } from '../../../protocol/hex.ts'
import type { BookDeclaration } from './declaration.ts'
import type { BookRow, SourceRows } from './derive-answer.ts'

/** How loading one file came out. */
export interface TableReport {
  table: string
  file: string
  loaded: number
  refused: number
  /** The first hundred refused rows, by line in the file. */
  refusals: { line: number; reason: string }[]
}

export interface BookState {
  /** Of declaration and files; the same again need not be loaded. */
  fingerprint: string
  /** Unix seconds. */
  loadedAt: number
  report: TableReport[]
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS book_declarations (
    declaration_id TEXT PRIMARY KEY,
    declaration TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS book_loads (
    generation INTEGER PRIMARY KEY,
    is_current INTEGER NOT NULL DEFAULT 0,
    fingerprint TEXT NOT NULL,
    loaded_at INTEGER NOT NULL,
    report TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS book_rows (
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    source_row TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS book_rows_by_subject ON book_rows (generation, subject);
`

/** The book in the provider's database: one generation of rows is current, another may be in the making. */
export class BookStore {
  readonly #db: DatabaseSync
  readonly #rowsOf: StatementSync
  readonly #insertRow: StatementSync
  #generation: number | undefined

  constructor(db: DatabaseSync) {
    this.#db = db
    db.exec(SCHEMA)
    this.#rowsOf = db.prepare(
      'SELECT table_name, source_row FROM book_rows WHERE generation = ? AND subject = ? ORDER BY id',
    )
    this.#insertRow = db.prepare(
      'INSERT INTO book_rows (generation, table_name, subject, source_row) VALUES (?, ?, ?, ?)',
    )
    this.#generation = this.#current()?.generation as number | undefined
  }

  /** The current rows about a subject; empty when there are none. */
  rowsAbout(subject: string): SourceRows {
    const rows: SourceRows = {}
    if (this.#generation === undefined) return rows
    for (const row of this.#rowsOf.all(this.#generation, subject)) {
      const table = String(row.table_name)
      const parsed = JSON.parse(String(row.source_row)) as BookRow
      if (rows[table] === undefined) rows[table] = [parsed]
      else rows[table].push(parsed)
    }
    return rows
  }

  /** Undefined before the first load. */
  state(): BookState | undefined {
    const row = this.#current()
    if (row === undefined) return undefined
    return {
      fingerprint: String(row.fingerprint),
      loadedAt: Number(row.loaded_at),
      report: JSON.parse(String(row.report)) as TableReport[],
    }
  }

  /** Begins a generation; whatever an interrupted load left is dropped. */
  begin(): number {
    this.#inTransaction(() => {
      this.#db
        .prepare(
          'DELETE FROM book_rows WHERE generation NOT IN (SELECT generation FROM book_loads WHERE is_current = 1)',
        )
        .run()
    })
    const row = this.#db.prepare('SELECT coalesce(max(generation), 0) + 1 AS next FROM book_loads').get()
    return Number(row?.next)
  }

  insertRows(generation: number, table: string, rows: readonly { subject: string; row: BookRow }[]): void {
    this.#inTransaction(() => {
      for (const { subject, row } of rows)
        this.#insertRow.run(generation, table, subject, JSON.stringify(row))
    })
  }

  /** Makes a generation the current one, all at once, and drops the one before. */
  replaceBy(generation: number, { fingerprint, loadedAt, report }: BookState): void {
    this.#inTransaction(() => {
      this.#db.exec('UPDATE book_loads SET is_current = 0')
      this.#db
        .prepare(
          'INSERT INTO book_loads (generation, is_current, fingerprint, loaded_at, report) VALUES (?, 1, ?, ?, ?)',
        )
        .run(generation, fingerprint, loadedAt, JSON.stringify(report))
      this.#db.prepare('DELETE FROM book_rows WHERE generation <> ?').run(generation)
    })
    this.#generation = generation
  }

  /** Keeps a declaration for as long as answers may have to be made again by it. Returns its id. */
  keepDeclaration(declaration: BookDeclaration): Bytes32 {
    const text = canonicalJson(declaration)
    const id = keccak256Hex(utf8ToBytes(text))
    this.#db
      .prepare(
        'INSERT INTO book_declarations (declaration_id, declaration) VALUES (?, ?) ON CONFLICT DO NOTHING',
      )
      .run(id, text)
    return id
  }

  #current(): Record<string, unknown> | undefined {
    return this.#db.prepare('SELECT * FROM book_loads WHERE is_current = 1').get()
  }

  /** Synchronous from begin to commit, so that it never meets another transaction of this connection. */
  #inTransaction(run: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      run()
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }
}
