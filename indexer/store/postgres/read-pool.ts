import pg from 'pg'
import { CountersignError } from '../../../protocol/errors.ts'
import type { SqlReader } from '../sql/engine.ts'
import { clientConfig, type PostgresDatabase } from './connection.ts'
import { runPrepared } from './prepared.ts'
import { isConnectionError, toStoreError } from './store-error.ts'

const MAX_CONNECTIONS = 4
/** A read that takes longer is given up: nobody waits for its answer any more. */
const QUERY_MS = 15_000

/** A few connections that cannot write. A query on one that broke meanwhile is made again on another, once. */
export interface ReadPool extends SqlReader {
  /** With a connection for several queries. */
  use<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

export function createReadPool(database: PostgresDatabase): ReadPool {
  const pool = new pg.Pool({
    ...clientConfig(database, {
      settings: {
        default_transaction_read_only: 'on',
        statement_timeout: QUERY_MS,
        // Every query here has one sensible plan, and planning takes longer than most of them.
        plan_cache_mode: 'force_generic_plan',
      },
    }),
    max: MAX_CONNECTIONS,
    query_timeout: QUERY_MS + 1_000,
    idleTimeoutMillis: 60_000,
  })
  // An idle connection that breaks is dropped; without a listener the process would end.
  pool.on('error', () => {})
  let isClosed = false

  async function twice<Result>(attempt: () => Promise<Result>): Promise<Result> {
    if (isClosed) throw new CountersignError('STORE_UNAVAILABLE', 'the store is closed')
    try {
      return await attempt().catch((error: unknown) => {
        if (!isConnectionError(error)) throw error
        return attempt()
      })
    } catch (error) {
      throw toStoreError(error)
    }
  }

  return {
    query: (sql, ...values) => twice(() => runPrepared(pool, sql, values)),
    use: (work) =>
      twice(async () => {
        const client = await pool.connect()
        try {
          const result = await work(client)
          client.release()
          return result
        } catch (error) {
          client.release(true)
          throw error
        }
      }),
    async close() {
      isClosed = true
      await pool.end()
    },
  }
}
