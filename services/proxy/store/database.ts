import type { PartyDatabase } from '../../party/database.ts'
import { joinMigratedDatabase, openMigratedDatabase } from '../../party/migrated-database.ts'

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

/** Hashes of their first blocks. */
const WITH_CHAINS = 'CREATE TABLE chains (chain_id INTEGER PRIMARY KEY, genesis_hash TEXT NOT NULL) STRICT;'

const MIGRATIONS = [SCHEMA, WITH_CHAINS]

/** Opens the proxy's database for this process alone; made on first use. @throws DATABASE_IN_USE, DATABASE_NEWER */
export const openProxyDatabase = (file: string): PartyDatabase => openMigratedDatabase(file, MIGRATIONS)

/** Opens it beside a running proxy, for short reads and writes. @throws DATABASE_NEWER */
export const joinProxyDatabase = (file: string): PartyDatabase => joinMigratedDatabase(file, MIGRATIONS)
