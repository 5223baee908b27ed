import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type RowBuffer, TABLES, type TableName } from '../tables.ts'

/** Rows a statement. One call into SQLite then carries so many, which halves the time of a row. */
const ROWS_A_STATEMENT = 50

/** Inserts whole buffers of rows with prepared statements. */
export function createBulkInsert(db: DatabaseSync): (buffer: RowBuffer) => void {
  const statements = new Map<TableName, { many: StatementSync; one: StatementSync; width: number }>()
  const statementsOf = (name: TableName) => {
    let known = statements.get(name)
    if (known === undefined) {
      const width = TABLES[name].columns.length
      const row = `(${Array(width).fill('?').join(',')})`
      const into = `INSERT INTO ${name} (${TABLES[name].columns.join(',')}) VALUES `
      known = {
        many: db.prepare(into + Array(ROWS_A_STATEMENT).fill(row).join(',')),
        one: db.prepare(into + row),
        width,
      }
      statements.set(name, known)
    }
    return known
  }

  return ({ table, values }) => {
    const { many, one, width } = statementsOf(table)
    const step = width * ROWS_A_STATEMENT
    let at = 0
    for (; at + step <= values.length; at += step) many.run(...values.slice(at, at + step))
    for (; at < values.length; at += width) one.run(...values.slice(at, at + width))
  }
}
