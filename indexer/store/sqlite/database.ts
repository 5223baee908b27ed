import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import { MIGRATIONS } from './migrations.ts'

/** An opened database of the newest schema, and the lock that makes this process its one writer. */
export interface OpenDatabase {
  db: DatabaseSync
  close(): void
}

/**
 * Opens or creates the file and brings its schema up to date.
 * @throws INDEX_DATABASE_LOCKED when another process writes to it, INDEX_DATABASE_NEWER when a newer program made it
 */
export function openDatabase(path: string): OpenDatabase {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
  const lock = path === ':memory:' ? undefined : takeLock(path)
  try {
    const db = new DatabaseSync(path)
    // FULL: a commit is on disk before the next block is asked for, also after a power cut.
    db.exec(`
      PRAGMA page_size = 8192;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -65536;
      PRAGMA wal_autocheckpoint = 4000;
      PRAGMA temp_store = MEMORY;
    `)
    migrate(db, path)
    return {
      db,
      close() {
        db.close()
        lock?.close()
      },
    }
  } catch (error) {
    lock?.close()
    throw error
  }
}

/**
 * An exclusive transaction on a file of its own, held open: the operating system ends it with the process, however that
 * dies. The database itself stays open to readers.
 */
function takeLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    throw new CountersignError('INDEX_DATABASE_LOCKED', `another process writes to ${path}`, { cause })
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  if (version > MIGRATIONS.length)
    throw new CountersignError(
      'INDEX_DATABASE_NEWER',
      `${path} has schema version ${version}, this program knows ${MIGRATIONS.length}`,
    )
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec('BEGIN IMMEDIATE')
    try {
      if (next === 0)
        db.exec(
          'CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT',
        )
      db.exec(MIGRATIONS[next]!)
      db.prepare('INSERT INTO schema_versions VALUES (?, ?)').run(next + 1, Date.now())
      db.exec(`PRAGMA user_version = ${next + 1}`)
      db.exec('COMMIT')
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }
}
