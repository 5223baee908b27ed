import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Columns, SqlEngine, SqlReader, SqlSnapshot, SqlWriter } from '../sql/engine.ts'
import { Turns } from '../sql/turns.ts'
import type { Value } from '../tables.ts'
import { createBulkInsert } from './bulk-insert.ts'
import { createKeyMerge, KEY_FAULTS, RECORDS_OF_KEY } from './record-keys.ts'
import { toStoreError } from './store-error.ts'

export interface SqliteConnections {
  writer: DatabaseSync
  /** A connection of its own: it does not see what is being written. */
  reader: DatabaseSync
  /** One more, for as long as a snapshot is read. */
  openSnapshot(): DatabaseSync
  close(): void
}

export function createSqliteEngine({ writer, reader, openSnapshot, close }: SqliteConnections): SqlEngine {
  const turns = new Turns()
  const queries = preparedQueries(writer)
  const writing: SqlWriter = {
    hasLateral: false,
    ...queries,
    send: async (sql, ...values) => void (await queries.query(sql, ...values)),
    ...manyQueries(writer),
  }
  const mergeKeys = createKeyMerge(writer)
  const begin = writer.prepare('BEGIN IMMEDIATE')
  const commit = writer.prepare('COMMIT')
  const rollback = writer.prepare('ROLLBACK')

  return {
    isShared: false,
    recordsOfKey: RECORDS_OF_KEY,
    keyFaults: KEY_FAULTS,
    withBlock: 'JOIN blocks b ON b.chain_id = r.chain_id AND b.number = r.block_number',
    hexOf: (...columns) => `lower(${columns.map((column) => `hex(${column})`).join(' || ')})`,
    ...preparedQueries(reader),
    write: (work) =>
      turns.take(async () => {
        try {
          begin.run()
          const result = await work(writing)
          mergeKeys()
          commit.run()
          return result
        } catch (error) {
          if (writer.isTransaction) rollback.run()
          throw toStoreError(error)
        }
      }),
    snapshot: async () => startSnapshot(openSnapshot()),
    async close() {
      await turns.idle()
      close()
    },
  }
}

/** `$1` is a name to SQLite; `?1` is the first value. */
const prepare = (db: DatabaseSync, sql: string): StatementSync => {
  const statement = db.prepare(sql.replaceAll(/\$(\d+)/g, '?$1'))
  statement.setReturnArrays(true)
  return statement
}

function preparedQueries(db: DatabaseSync): SqlReader {
  const statements = new Map<string, StatementSync>()
  return {
    async query(sql, ...values) {
      try {
        let statement = statements.get(sql)
        if (statement === undefined) {
          statement = prepare(db, sql)
          statements.set(sql, statement)
        }
        return statement.all(...values) as unknown as Columns[]
      } catch (error) {
        throw toStoreError(error)
      }
    },
  }
}

function manyQueries(db: DatabaseSync): Omit<SqlWriter, 'query' | 'send' | 'hasLateral'> {
  const statements = new Map<string, StatementSync>()
  return {
    async runMany(sql, rows) {
      if (rows.length === 0) return
      let statement = statements.get(sql)
      if (statement === undefined) {
        statement = prepare(db, sql)
        statements.set(sql, statement)
      }
      for (const values of rows) statement.run(...(values as Value[]))
    },
    ...createBulkInsert(db),
  }
}

function startSnapshot(db: DatabaseSync): SqlSnapshot {
  db.exec('BEGIN')
  // The moment is that of the first read.
  db.prepare('SELECT version FROM store_version').get()
  return {
    async *iterate(sql) {
      yield* prepare(db, sql).iterate() as unknown as Iterable<Columns>
    },
    async close() {
      db.close()
    },
  }
}
