import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import { openPartyDatabase } from '../../party/database.ts'

const SCHEMA_VERSION = 1
/** Times are unix milliseconds. What was asked about (subject, parameters) is not kept: answers carry what they say. */
const SCHEMA = `
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, secret_hash BLOB NOT NULL,
  created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT;
CREATE TABLE queries (
  serial TEXT PRIMARY KEY, api_key TEXT NOT NULL, type TEXT NOT NULL, disclosure TEXT NOT NULL, asked_at INTEGER NOT NULL
) STRICT;
CREATE TABLE outcomes (
  serial TEXT NOT NULL, provider TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL,
  receipt TEXT, error TEXT, UNIQUE (serial, provider)
) STRICT;
CREATE INDEX answered_by_provider ON outcomes (provider, serial) WHERE outcome = 'answered';
CREATE TABLE idempotency_keys (
  api_key TEXT NOT NULL, key_hash BLOB NOT NULL, request_hash BLOB NOT NULL, resource TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (api_key, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE TABLE audits (
  id INTEGER PRIMARY KEY, serial TEXT NOT NULL, provider TEXT NOT NULL, verdict TEXT NOT NULL, audited_at INTEGER NOT NULL,
  report TEXT NOT NULL
) STRICT;
CREATE INDEX audits_by_record ON audits (serial, provider, id);
CREATE TABLE campaigns (
  id TEXT PRIMARY KEY, api_key TEXT NOT NULL, provider TEXT NOT NULL, period_from INTEGER NOT NULL, period_to INTEGER NOT NULL,
  confidence REAL NOT NULL, sample_size INTEGER NOT NULL, population TEXT NOT NULL, population_size INTEGER NOT NULL,
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, block_hash TEXT NOT NULL, seed TEXT NOT NULL,
  created_at INTEGER NOT NULL, finished_at INTEGER
) STRICT;
CREATE TABLE campaign_items (
  campaign TEXT NOT NULL, position INTEGER NOT NULL, serial TEXT NOT NULL, verdict TEXT, audit INTEGER,
  PRIMARY KEY (campaign, position)
) STRICT, WITHOUT ROWID;
`

/** Milliseconds that the API key command waits for a write of the running proxy. */
const BUSY_TIMEOUT_MS = 5_000

/** Opens the proxy's database for this process alone; made on first use. @throws DATABASE_IN_USE, DATABASE_NEWER */
export function openProxyDatabase(file: string): { db: DatabaseSync; close: () => void } {
  const opened = openPartyDatabase(file)
  try {
    migrate(opened.db)
    return opened
  } catch (error) {
    opened.close()
    throw error
  }
}

/** Opens it beside a running proxy, for short reads and writes. @throws DATABASE_NEWER */
export function joinProxyDatabase(file: string): { db: DatabaseSync; close: () => void } {
  mkdirSync(dirname(file), { recursive: true })
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    migrate(db)
    return { db, close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE')
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > SCHEMA_VERSION) {
    db.exec('ROLLBACK')
    throw new CountersignError(
      'DATABASE_NEWER',
      `the database has schema ${version}, this program knows ${SCHEMA_VERSION}`,
    )
  }
  db.exec(version === 0 ? `${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT` : 'COMMIT')
}
