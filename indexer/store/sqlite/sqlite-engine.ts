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
  const run = preparedQueries(writer)
  const writing: SqlWriter = {
    hasLateral: false,
    query: async (sql, ...values) => run(sql, values),
    send: async (sql, ...values) => void run(sql, values),
    ...manyQueries(writer),
  }
  const mergeKeys = createKeyMerge(writer)
  const begin = writer.prepare('BEGIN IMMEDIATE')
  const commit = writer.prepare('COMMIT')
  const rollback = writer.prepare('ROLLBACK')
  const reading = keepSnapshot(reader)

  return {
    isShared: false,
    recordsOfKey: RECORDS_OF_KEY,
    keyFaults: KEY_FAULTS,
    withBlock: 'JOIN blocks b ON b.chain_id = r.chain_id AND b.number = r.block_number',
    hexOf: (...columns) => `lower(${columns.map((column) => `hex(${column})`).join(' || ')})`,
    query: reading.query,
    write: (work) =>
      turns.take(async () => {
        try {
          reading.end()
          begin.run()
          const result = await work(writing)
          mergeKeys()
          commit.run()
          return result
        } catch (error) {
          if (writer.isTransaction) rollback.run()
          throw toStoreError(error)
        } finally {
          reading.mayBegin()
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

/** Runs statements, each prepared when it is first used. */
function preparedQueries(db: DatabaseSync): (sql: string, values: Value[]) => Columns[] {
  const statements = new Map<string, StatementSync>()
  return (sql, values) => {
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
  }
}

interface KeptSnapshot extends SqlReader {
  /** Until `mayBegin` each query is a transaction of its own. */
  end(): void
  mayBegin(): void
}

/**
 * Reads in one transaction whatever is asked for in one turn of the event loop: to begin and end one takes a quarter of a lookup.
 * No longer, as another process may write; and never across a write, as the log could then not be begun again from its start, and
 * would grow for ever.
 */
function keepSnapshot(db: DatabaseSync): KeptSnapshot {
  const run = preparedQueries(db)
  const begin = db.prepare('BEGIN')
  const commit = db.prepare('COMMIT')
  let mayKeep = true
  let isKept = false
  const end = () => {
    if (db.isOpen && db.isTransaction) commit.run()
    isKept = false
  }
  return {
    async query(sql, ...values) {
      try {
        if (mayKeep && !isKept) {
          begin.run()
          isKept = true
          setImmediate(end)
        }
        return run(sql, values)
      } catch (error) {
        // What a disk refuses may have ended the transaction.
        isKept = db.isTransaction
        throw toStoreError(error)
      }
    },
    end() {
      mayKeep = false
      end()
    },
    mayBegin() {
      mayKeep = true
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
