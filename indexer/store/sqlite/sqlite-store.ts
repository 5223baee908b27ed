import { createSqlStore, knownOrphans } from '../sql/sql-store.ts'
import type { Store } from '../store.ts'
import { openDatabase } from './database.ts'
import { createSqliteEngine } from './sqlite-engine.ts'

/** @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER, INDEX_DATABASE_UNREADABLE */
export function openSqliteStore(path: string, { feedKeepDays = 7 } = {}): Store {
  const connections = openDatabase(path)
  const hasOrphans = connections.reader.prepare('SELECT 1 FROM orphaned_records LIMIT 1').get() !== undefined
  return createSqlStore(createSqliteEngine(connections), {
    feedKeepDays,
    orphans: knownOrphans(hasOrphans),
  })
}
