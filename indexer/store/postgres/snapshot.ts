import pg from 'pg'
import type { Columns, SqlSnapshot } from '../sql/engine.ts'
import { clientConfig, type PostgresDatabase } from './connection.ts'
import { toStoreError } from './store-error.ts'

const ROWS_A_FETCH = 1_000

/** A connection of its own, with one transaction that sees everything as of its beginning. */
export async function openSnapshot(database: PostgresDatabase): Promise<SqlSnapshot> {
  const client = new pg.Client(clientConfig(database, { settings: { statement_timeout: 0 } }))
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await client.query('SELECT version FROM store_version')
  } catch (error) {
    await client.end().catch(() => {})
    throw toStoreError(error)
  }
  return {
    async *iterate(sql) {
      try {
        await client.query(`DECLARE snapshot_rows NO SCROLL CURSOR FOR ${sql}`)
        for (;;) {
          const { rows } = await client.query<unknown[]>({
            text: `FETCH ${ROWS_A_FETCH} FROM snapshot_rows`,
            rowMode: 'array',
          })
          yield* rows as Columns[]
          if (rows.length < ROWS_A_FETCH) break
        }
        await client.query('CLOSE snapshot_rows')
      } catch (error) {
        throw toStoreError(error)
      }
    },
    async close() {
      await client.end().catch(() => {})
    },
  }
}
