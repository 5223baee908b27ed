import { CountersignError } from '../../../protocol/errors.ts'
import { rollBack } from '../sql/commit-writer.ts'
import type { SqlEngine } from '../sql/engine.ts'
import { createSqlStore, knownOrphans, type OrphanKnowledge } from '../sql/sql-store.ts'
import type { Store, StoreReader } from '../store.ts'
import { type PostgresDatabase, parseDatabaseUrl } from './connection.ts'
import { type ArrayQuery, createKeyLookups } from './key-lookups.ts'
import { checkSchema, migrate } from './migrate.ts'
import { createOrderLookups } from './order-lookups.ts'
import { runPrepared } from './prepared.ts'
import { createReadPool, type ReadPool } from './read-pool.ts'
import { readReplicationLag } from './replication.ts'
import { holdMoment, openSnapshot } from './snapshot.ts'
import { toOpenError } from './store-error.ts'
import { WriterSession } from './writer-session.ts'

const ANY_ORPHANS = 'SELECT 1 FROM orphaned_records LIMIT 1'
// OFFSET 0 has every block looked up by its number, whatever the planner thinks of tables it has no statistics of yet.
const WITH_BLOCK = `
  CROSS JOIN LATERAL (
    SELECT hash, time FROM blocks WHERE chain_id = r.chain_id AND number = r.block_number OFFSET 0
  ) b`
/** A reader looks so often whether there are orphans by now, and believes for twice as long that there are none. */
const ORPHANS_MS = 500
const NO_CHAIN = -1

/**
 * Opens the store for its one writer, with its schema up to date.
 * @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER, INDEX_DATABASE_UNREADABLE, STORE_UNAVAILABLE, STORE_READ_ONLY
 */
export async function openPostgresStore(url: string, { feedKeepDays = 7 } = {}): Promise<Store> {
  const database = parseDatabaseUrl(url)
  const pool = createReadPool(database)
  let session: WriterSession | undefined
  try {
    session = await WriterSession.open(database, (client) => migrate(client, database))
    // Prepares what a rollback runs: the first reorganisation should not wait for that.
    await session.transaction((writer) => rollBack(writer, 0, NO_CHAIN, 0))
    const orphans = knownOrphans((await pool.query(ANY_ORPHANS)).length > 0)
    session.onRenewed = orphans.noteSome
    return createPostgresStore(database, pool, session, feedKeepDays, orphans)
  } catch (error) {
    await session?.close()
    await pool.close()
    throw toOpenError(error, database.name)
  }
}

/**
 * Opens the store to read, from a primary or a replica.
 * @throws INDEX_DATABASE_NEWER, INDEX_DATABASE_UNREADABLE, STORE_UNAVAILABLE
 */
export async function openPostgresReader(url: string): Promise<StoreReader & { close(): Promise<void> }> {
  const database = parseDatabaseUrl(url)
  const pool = createReadPool(database)
  try {
    await pool.use((client) => checkSchema(client, database))
    return createPostgresStore(database, pool, undefined, 0, polledOrphans(pool))
  } catch (error) {
    await pool.close()
    throw toOpenError(error, database.name)
  }
}

function createPostgresStore(
  database: PostgresDatabase,
  pool: ReadPool,
  session: WriterSession | undefined,
  feedKeepDays: number,
  orphans: OrphanKnowledge,
): Store {
  const engine: SqlEngine = {
    isShared: true,
    recordsOfKey: 'records r',
    withBlock: WITH_BLOCK,
    hexOf: (...columns) => `encode(${columns.join(' || ')}, 'hex')`,
    query: pool.query,
    async write(work) {
      if (session === undefined) throw new CountersignError('STORE_READ_ONLY', 'a reader does not write')
      return session.transaction(work)
    },
    snapshot: (moment) => openSnapshot(database, moment),
    async close() {
      await session?.close()
      await pool.close()
    },
  }
  let isReplica = session === undefined
  const store = createSqlStore(engine, {
    feedKeepDays,
    orphans,
    isReplica: () => isReplica,
    async replicationLag() {
      const lag = await readReplicationLag(pool)
      isReplica = lag.isReplica
      return lag
    },
  })
  const arrayQuery: ArrayQuery = (sql, values) => pool.use((client) => runPrepared(client, sql, values))
  const { findPage, findOrphanedRecords } = createKeyLookups(engine, arrayQuery, orphans.mayExist)
  const findOrder = createOrderLookups(engine, arrayQuery)
  return {
    ...store,
    findRecords: (key, page) => (page === undefined ? store.findRecords(key) : findPage(key, page)),
    findOrphanedRecords,
    holdMoment: () => holdMoment(database),
    findPayments: (orderKey, query) => {
      const { office, registries, limit } = query
      const isBounded = registries?.every(({ toBlock }) => toBlock === undefined) !== true
      return office !== undefined || isBounded
        ? store.findPayments(orderKey, query)
        : findOrder(
            orderKey,
            registries!.map(({ contractId }) => contractId),
            limit,
          )
    },
  }
}

/** Another process orphans: until the store was asked lately, there may be some. */
export function polledOrphans(pool: Pick<ReadPool, 'query'>): OrphanKnowledge {
  let noneAt = Number.NEGATIVE_INFINITY
  let nextLook = 0
  let isLooking = false
  return {
    mayExist() {
      const now = performance.now()
      if (now >= nextLook && !isLooking) {
        nextLook = now + ORPHANS_MS
        isLooking = true
        pool
          .query(ANY_ORPHANS)
          .then(
            (rows) => {
              noneAt = rows.length > 0 ? Number.NEGATIVE_INFINITY : now
            },
            () => {
              noneAt = Number.NEGATIVE_INFINITY
            },
          )
          .finally(() => {
            isLooking = false
          })
      }
      return now - noneAt > 2 * ORPHANS_MS
    },
    noteSome() {},
  }
}
