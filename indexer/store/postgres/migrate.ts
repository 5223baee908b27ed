import type pg from 'pg'
import { CountersignError } from '../../../protocol/errors.ts'
import type { PostgresDatabase } from './connection.ts'
import { MIGRATIONS } from './migrations.ts'

/** Brings the schema up to date; nobody else does at the same time. @throws INDEX_DATABASE_NEWER */
export async function migrate(client: pg.Client, database: PostgresDatabase): Promise<void> {
  const { schema } = database
  const exists = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  // Where the schema was made by an administrator, the right to make one is not needed.
  if (exists.rowCount === 0) await client.query(`CREATE SCHEMA "${schema}"`)
  await client.query(
    'CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)',
  )
  const version = await schemaVersion(client)
  if (version > MIGRATIONS.length) throw newerSchema(database, version)
  for (let next = version; next < MIGRATIONS.length; next++) {
    await client.query('BEGIN')
    try {
      await client.query(MIGRATIONS[next]!)
      await client.query('INSERT INTO schema_versions VALUES ($1, $2)', [next + 1, Date.now()])
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }
}

/** For who only reads. @throws STORE_UNAVAILABLE while the writer has not made the schema, INDEX_DATABASE_NEWER */
export async function checkSchema(client: pg.ClientBase, database: PostgresDatabase): Promise<void> {
  const exists = await client.query("SELECT to_regclass('schema_versions') IS NOT NULL AS exists")
  const version = exists.rows[0].exists ? await schemaVersion(client) : 0
  if (version > MIGRATIONS.length) throw newerSchema(database, version)
  if (version < MIGRATIONS.length)
    throw new CountersignError(
      'STORE_UNAVAILABLE',
      `${database.name} has schema version ${version}, this program needs ${MIGRATIONS.length}`,
      { action: 'Start the writer of this version; it brings the schema up to date.' },
    )
}

async function schemaVersion(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query('SELECT COALESCE(MAX(version), 0) AS version FROM schema_versions')
  return rows[0].version
}

const newerSchema = ({ name }: PostgresDatabase, version: number): CountersignError =>
  new CountersignError(
    'INDEX_DATABASE_NEWER',
    `${name} has schema version ${version}, this program knows ${MIGRATIONS.length}`,
  )
