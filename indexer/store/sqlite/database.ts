import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import { MIGRATIONS } from './migrations.ts'
import type { SqliteConnections } from './sqlite-engine.ts'
import { toOpenError } from './store-error.ts'

/**
 * Opens or creates the file and brings its schema up to date; this process is then its one writer.
 * @throws INDEX_DATABASE_LOCKED when another process writes to it, INDEX_DATABASE_NEWER when a newer program made it,
 * INDEX_DATABASE_UNREADABLE when it is no database or cannot be opened
 */
export function openDatabase(path: string): SqliteConnections {
  const opened: DatabaseSync[] = []
  const open = (file: string, options: { timeout?: number; readOnly?: boolean } = {}): DatabaseSync => {
    const db = new DatabaseSync(file, options)
    opened.push(db)
    return db
  }
  // The lock last: nobody else writes before everything else is closed.
  const close = () => {
    for (const db of opened.reverse()) if (db.isOpen) db.close()
  }
  try {
    mkdirSync(dirname(path), { recursive: true })
    takeLock(open(`${path}.lock`, { timeout: 0 }), path)
    const writer = open(path, { timeout: BUSY_MS })
    // FULL: a commit is on disk before the next block is asked for, also after a power cut.
    // Keys are random, so every record touches a page of its own in the index of keys: small pages, which go back from the
    // log (64 MB at most) only once for many commits, write half as much.
    writer.exec(`
      PRAGMA page_size = 4096;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -16384;
      PRAGMA wal_autocheckpoint = 16000;
      PRAGMA temp_store = MEMORY;
    `)
    migrate(writer, path)
    const openReader = (cacheKb: number): DatabaseSync => {
      const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
      db.exec(`PRAGMA cache_size = -${cacheKb}; PRAGMA temp_store = MEMORY`)
      return db
    }
    // Lookups read all over the file.
    const reader = openReader(49_152)
    opened.push(reader)
    return { writer, reader, openSnapshot: () => openReader(2_048), close }
  } catch (error) {
    close()
    throw toOpenError(error, path)
  }
}

/** Readers and the writer are never in each other's way for longer than a checkpoint of the log takes. */
const BUSY_MS = 5_000

/**
 * An exclusive transaction on a file of its own, held open: the operating system ends it with the process, however that
 * dies. The database itself stays open to readers.
 */
function takeLock(lock: DatabaseSync, path: string): void {
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    if ((cause as { errcode?: number }).errcode !== SQLITE_BUSY) throw cause
    throw new CountersignError('INDEX_DATABASE_LOCKED', `another process writes to ${path}`, { cause })
  }
}

const SQLITE_BUSY = 5

function migrate(db: DatabaseSync, path: string): void {
  const version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  if (version > MIGRATIONS.length)
    throw new CountersignError(
      'INDEX_DATABASE_NEWER',
      `${path} has schema version ${version}, this program knows ${MIGRATIONS.length}`,
    )
  if (version === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined)
    throw new CountersignError('INDEX_DATABASE_UNREADABLE', `${path} is a database of another program`)
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
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }
}
