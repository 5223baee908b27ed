import pg from 'pg'
import type { Columns, SqlSnapshot } from '../sql/engine.ts'
import { CHAIN_COLUMNS, toChain } from '../sql/row-mapping.ts'
import type { HeldMoment } from '../store.ts'
import { clientConfig, type PostgresDatabase } from './connection.ts'
import { toStoreError } from './store-error.ts'

const ROWS_A_FETCH = 1_000

type SharedSnapshot = SqlSnapshot & Required<Pick<SqlSnapshot, 'share'>>

/** As of now; on a connection that is kept until it is released. @throws STORE_UNAVAILABLE */
export async function holdMoment(database: PostgresDatabase): Promise<HeldMoment> {
  const snapshot = await openSnapshot(database)
  try {
    const chains = await Array.fromAsync(
      snapshot.iterate(`SELECT ${CHAIN_COLUMNS} FROM chains ORDER BY chain_id`),
      toChain,
    )
    return { id: await snapshot.share(), chains, release: snapshot.close }
  } catch (error) {
    await snapshot.close()
    throw error
  }
}

/**
 * A connection of its own, with one transaction that sees everything as of its beginning.
 * @param moment what `share` of another one gave that is still open: everything is as of the beginning of that
 */
export async function openSnapshot(database: PostgresDatabase, moment?: string): Promise<SharedSnapshot> {
  const client = new pg.Client(clientConfig(database, { settings: { statement_timeout: 0 } }))
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    if (moment !== undefined) await client.query(`SET TRANSACTION SNAPSHOT ${client.escapeLiteral(moment)}`)
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
    async share() {
      try {
        return (await client.query('SELECT pg_export_snapshot() AS moment')).rows[0].moment
      } catch (error) {
        throw toStoreError(error)
      }
    },
    async close() {
      await client.end().catch(() => {})
    },
  }
}
