import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../protocol/errors.ts'
import { BUSY_TIMEOUT_MS, openPartyDatabase, type PartyDatabase } from './database.ts'

/**
 * Opens a party's database for this process alone, with its schema brought up to date; made on first use.
 * @param migrations one step a version of the schema; `PRAGMA user_version` says how many were done
 * @param settings of the connection, as SQL
 * @throws DATABASE_IN_USE, DATABASE_NEWER
 */
export function openMigratedDatabase(
  file: string,
  migrations: readonly string[],
  settings = '',
): PartyDatabase {
  const opened = openPartyDatabase(file)
  try {
    opened.db.exec(settings)
    migrate(opened.db, migrations)
    return opened
  } catch (error) {
    opened.close()
    throw error
  }
}

/** Opens it beside the running server, for short reads and writes. @throws DATABASE_NEWER */
export function joinMigratedDatabase(file: string, migrations: readonly string[]): PartyDatabase {
  mkdirSync(dirname(file), { recursive: true })
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    migrate(db, migrations)
    return { db, close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

function migrate(db: DatabaseSync, migrations: readonly string[]): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    const { user_version: done } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    if (done > migrations.length)
      throw new CountersignError(
        'DATABASE_NEWER',
        `the database has schema ${done}, this program knows ${migrations.length}`,
      )
    for (const step of migrations.slice(done)) db.exec(step)
    db.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}
