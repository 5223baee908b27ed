import { CountersignError } from '../../../protocol/errors.ts'
import { ALL_TABLES, type TableRows, type Value } from '../tables.ts'
import type { SqlEngine, SqlWriter } from './engine.ts'

const ROWS_A_PART = 1_000

/** Every row of every table as of one moment, by parts of a table. */
export async function* exportRows(engine: SqlEngine): AsyncGenerator<TableRows> {
  const snapshot = await engine.snapshot()
  try {
    for (const [table, columns] of Object.entries(ALL_TABLES)) {
      let rows: (readonly Value[])[] = []
      for await (const row of snapshot.iterate(`SELECT ${columns.join(', ')} FROM ${table}`)) {
        rows.push(row as readonly Value[])
        if (rows.length < ROWS_A_PART) continue
        yield { table, columns, rows }
        rows = []
      }
      if (rows.length > 0) yield { table, columns, rows }
    }
  } finally {
    await snapshot.close()
  }
}

/** All of it in one transaction. @throws STORE_NOT_EMPTY; BACKUP_INVALID when it names a table or column that there is not */
export const importRows = (engine: SqlEngine, tables: AsyncIterable<TableRows>): Promise<void> =>
  engine.write(async (writer) => {
    await checkEmpty(writer)
    for await (const part of tables) {
      const { table, columns, rows } = part
      const width = columns.length
      checkPart(part)
      if (table === 'store_version') await writer.send('DELETE FROM store_version')
      const values: Value[] = []
      for (const row of rows) {
        if (row.length !== width)
          throw new CountersignError(
            'BACKUP_INVALID',
            `a row of ${table} has ${row.length} values, not ${width}`,
          )
        values.push(...row)
      }
      await writer.insertRows(table, columns, values)
    }
    const versions = await writer.query('SELECT COUNT(*) FROM store_version')
    if (versions[0]![0] !== 1)
      throw new CountersignError('BACKUP_INVALID', 'it does not say at which version it was made')
    // The store that it is a copy of went on: what comes now must not look like what that one gave out since. Versions are
    // counted from 0 by one a write, and cannot have reached the milliseconds since 1970.
    await writer.send('UPDATE store_version SET version = $1 WHERE version < $1', Date.now())
  })

async function checkEmpty(writer: SqlWriter): Promise<void> {
  for (const table of ['chains', 'webhooks'])
    if ((await writer.query(`SELECT 1 FROM ${table} LIMIT 1`)).length > 0)
      throw new CountersignError('STORE_NOT_EMPTY', `the store has rows in ${table}`)
}

// The names go into SQL, and come out of a file.
function checkPart({ table, columns }: TableRows): void {
  const known = Object.hasOwn(ALL_TABLES, table) ? ALL_TABLES[table]! : []
  const unknown = columns.filter((column) => !known.includes(column))
  if (known.length === 0 || unknown.length > 0)
    throw new CountersignError(
      'BACKUP_INVALID',
      `there is no ${known.length === 0 ? `table ${table}` : `column ${unknown.join(', ')} in ${table}`}`,
    )
}
