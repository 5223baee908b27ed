import { CountersignError } from '../../protocol/errors.ts'
import { isPostgres } from './database-url.ts'
import { openSqliteStore } from './sqlite/sqlite-store.ts'
import type { Store, StoreReader } from './store.ts'

export type StoreMode = 'writer' | 'reader'

export interface OpenStoreOptions {
  /** A reader never writes, and may be one of many; only PostgreSQL has any. Default: the one writer. */
  mode?: StoreMode
  /** How long who follows the feed may be away. Default 7. */
  feedKeepDays?: number
}

export type OpenedReader = StoreReader & { close(): Promise<void> }

export function openStore(
  database: string,
  options: OpenStoreOptions & { mode: 'reader' },
): Promise<OpenedReader>
export function openStore(database: string, options?: OpenStoreOptions & { mode?: 'writer' }): Promise<Store>
/**
 * Opens the store at `postgres://…` or, for anything else, in an SQLite file of this path, which is made when there is none.
 * @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER, INDEX_DATABASE_UNREADABLE, STORE_UNAVAILABLE;
 * CONFIGURATION_INVALID for a reader of SQLite
 */
export async function openStore(
  database: string,
  options: OpenStoreOptions = {},
): Promise<Store | OpenedReader> {
  const { mode = 'writer', feedKeepDays = 7 } = options
  if (isPostgres(database)) {
    // The driver is loaded where it is needed.
    const { openPostgresReader, openPostgresStore } = await import('./postgres/postgres-store.ts')
    return mode === 'reader' ? openPostgresReader(database) : openPostgresStore(database, { feedKeepDays })
  }
  if (mode === 'reader')
    throw new CountersignError('CONFIGURATION_INVALID', 'a reader needs PostgreSQL: SQLite has one process')
  return openSqliteStore(database, { feedKeepDays })
}
