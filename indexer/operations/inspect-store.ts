import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../protocol/errors.ts'
import { isPostgres } from '../store/database-url.ts'
import { type OpenedReader, openStore } from '../store/open-store.ts'
import { createSqlStore, knownOrphans } from '../store/sql/sql-store.ts'
import { MIGRATIONS } from '../store/sqlite/migrations.ts'
import { createSqliteEngine } from '../store/sqlite/sqlite-engine.ts'

const BUSY_MS = 5_000

/**
 * A store to look at, read-only, whether or not an indexer writes to it.
 * @throws INDEX_DATABASE_UNREADABLE, INDEX_DATABASE_NEWER, STORE_UNAVAILABLE
 */
export async function openForInspection(database: string): Promise<OpenedReader> {
  return isPostgres(database) ? openStore(database, { mode: 'reader' }) : openFile(database)
}

function openFile(path: string): OpenedReader {
  if (!existsSync(path))
    throw new CountersignError('INDEX_DATABASE_UNREADABLE', `there is no database ${path}`)
  const open = () => new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
  const db = open()
  try {
    checkVersion(db, path)
    return createSqlStore(
      createSqliteEngine({ writer: db, reader: db, openSnapshot: open, close: () => db.close() }),
      { feedKeepDays: 0, orphans: knownOrphans(true) },
    )
  } catch (error) {
    db.close()
    throw error
  }
}

function checkVersion(db: DatabaseSync, path: string): void {
  let version: number
  try {
    version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  } catch (cause) {
    throw new CountersignError('INDEX_DATABASE_UNREADABLE', `${path} is no database`, { cause })
  }
  if (version > MIGRATIONS.length)
    throw new CountersignError(
      'INDEX_DATABASE_NEWER',
      `${path} has schema version ${version}, this program knows ${MIGRATIONS.length}`,
    )
  if (version < MIGRATIONS.length)
    throw new CountersignError(
      'INDEX_DATABASE_UNREADABLE',
      `${path} has schema version ${version}; start this version's indexer on it once, which brings it to ${MIGRATIONS.length}`,
    )
}
