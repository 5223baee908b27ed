import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SqlWriter } from '../sql/engine.ts'
import type { Value } from '../tables.ts'
import { NEW_RECORD_KEYS, newRecordKeysOf } from './record-keys.ts'

/** Rows a statement. One call into SQLite then carries so many, which halves the time of a row. */
const ROWS_A_STATEMENT = 50

/** Inserts many rows with prepared statements, and of records also the keys. */
export function createBulkInsert(db: DatabaseSync): Pick<SqlWriter, 'insertRows' | 'upsertRows'> {
  const statements = new Map<string, { many: StatementSync; one: StatementSync }>()
  const statementsOf = (table: string, columns: readonly string[], onConflict: string) => {
    const into = `INSERT INTO ${table} (${columns.join(',')}) VALUES `
    const key = into + onConflict
    let known = statements.get(key)
    if (known === undefined) {
      const row = `(${Array(columns.length).fill('?').join(',')})`
      const rows = Array(ROWS_A_STATEMENT).fill(row).join(',')
      known = {
        many: db.prepare(`${into}${rows} ${onConflict}`),
        one: db.prepare(`${into}${row} ${onConflict}`),
      }
      statements.set(key, known)
    }
    return known
  }

  const insert: SqlWriter['upsertRows'] = async (table, columns, values, onConflict) => {
    if (values.length === 0) return
    const { many, one } = statementsOf(table, columns, onConflict)
    const width = columns.length
    const step = width * ROWS_A_STATEMENT
    let at = 0
    for (; at + step <= values.length; at += step) many.run(...(values.slice(at, at + step) as Value[]))
    for (; at < values.length; at += width) one.run(...(values.slice(at, at + width) as Value[]))
  }
  return {
    upsertRows: insert,
    async insertRows(table, columns, values) {
      await insert(table, columns, values, '')
      if (table === 'records')
        await insert(NEW_RECORD_KEYS.table, NEW_RECORD_KEYS.columns, newRecordKeysOf(columns, values), '')
    },
  }
}
