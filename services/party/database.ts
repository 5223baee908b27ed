import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../protocol/errors.ts'

export interface PartyDatabase {
  db: DatabaseSync
  close(): void
}

/** Milliseconds that a write waits for somebody else's: auditors may open the file beside the running server. */
export const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens a party's database for this process alone. What is committed is on disk: write-ahead log, one fsync a commit.
 * Others may read it, and write to it by SQL, while it is open; a second server process is refused.
 * @throws DATABASE_IN_USE
 */
export function openPartyDatabase(file: string): PartyDatabase {
  mkdirSync(dirname(file), { recursive: true })
  const lock = lockFor(realPathOf(file))
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  return {
    db,
    close: () => {
      db.close()
      lock.close()
    },
  }
}

/** The file's one name, through whatever links it was named; it may not be there yet. */
const realPathOf = (file: string): string =>
  existsSync(file) ? realpathSync(file) : join(realpathSync(dirname(file)), basename(file))

/**
 * A lock that the operating system lets go of however the process ends: an open exclusive transaction on a file beside the database.
 * (SQLite's own exclusive mode would lock auditors out too.) @throws DATABASE_IN_USE
 */
export function lockFor(file: string): DatabaseSync {
  const lock = new DatabaseSync(`${file}.lock`, { timeout: 0 })
  try {
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    throw new CountersignError('DATABASE_IN_USE', `another process has ${file}`, { cause })
  }
}
