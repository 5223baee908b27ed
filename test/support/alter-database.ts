import { DatabaseSync } from 'node:sqlite'
import { isPostgres } from '../../indexer/store/database-url.ts'
import { queryOnce } from './postgres-server.ts'

/** Past the store, as a fault of the disk would. @param sql which returns what it changed */
export async function alterDatabase(database: string, sql: string): Promise<number> {
  if (isPostgres(database)) {
    const url = new URL(database)
    url.searchParams.set('options', '-c search_path=countersign')
    return (await queryOnce(url.href, sql)).length
  }
  const db = new DatabaseSync(database)
  try {
    return db.prepare(sql).all().length
  } finally {
    db.close()
  }
}
