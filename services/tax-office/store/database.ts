import type { PartyDatabase } from '../../party/database.ts'
import { joinMigratedDatabase, openMigratedDatabase } from '../../party/migrated-database.ts'

/**
 * One step a version of the schema; `PRAGMA user_version` says how many were done. Keys, shares, digests and payloads are bytes, times
 * unix milliseconds. A payer tag is here encrypted only, a lookup code not at all.
 */
const MIGRATIONS = [
  `
CREATE TABLE office (tier TEXT NOT NULL, secret_check BLOB NOT NULL) STRICT;
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, secret_hash BLOB NOT NULL,
  created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT;
CREATE TABLE orders (
  order_key BLOB PRIMARY KEY, order_id TEXT NOT NULL, share BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE payments (
  id INTEGER PRIMARY KEY, order_key BLOB NOT NULL REFERENCES orders, version INTEGER NOT NULL,
  visibility TEXT NOT NULL CHECK (visibility IN ('public', 'sealed')),
  kind TEXT NOT NULL, category TEXT NOT NULL, period TEXT NOT NULL, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
  paid_at TEXT NOT NULL, authority TEXT NOT NULL, payer_tag BLOB, fields TEXT,
  fingerprint BLOB NOT NULL, digest BLOB NOT NULL, payload BLOB NOT NULL, entry_key TEXT NOT NULL, received_at INTEGER NOT NULL,
  UNIQUE (order_key, version)
) STRICT;
CREATE TABLE idempotency_keys (
  api_key TEXT NOT NULL, key_hash BLOB NOT NULL, request_hash BLOB NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (api_key, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
`,
  'CREATE UNIQUE INDEX payments_by_entry_key ON payments (entry_key)',
]

/** Opens the office's database for this process alone; made on first use. @throws DATABASE_IN_USE, DATABASE_NEWER */
export const openOfficeDatabase = (file: string): PartyDatabase => openMigratedDatabase(file, MIGRATIONS)

/** Opens it beside a running office, for short reads and writes. @throws DATABASE_NEWER */
export const joinOfficeDatabase = (file: string): PartyDatabase => joinMigratedDatabase(file, MIGRATIONS)
