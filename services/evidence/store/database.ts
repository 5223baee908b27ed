import type { PartyDatabase } from '../../party/database.ts'
import { joinMigratedDatabase, openMigratedDatabase } from '../../party/migrated-database.ts'

/**
 * One step a version of the schema; `PRAGMA user_version` says how many were done. Hashes, shares and digests are bytes; times are unix
 * milliseconds. Of evidence that is erased, what said something of it is NULL.
 */
const MIGRATIONS = [
  `
CREATE TABLE evidence_server (
  tier TEXT NOT NULL, secret_check BLOB NOT NULL, content_store TEXT NOT NULL
) STRICT;
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, secret_hash BLOB NOT NULL,
  created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT;
-- Whose evidence it is: all API keys of one name are one client's. Bytes and documents are those that are kept.
CREATE TABLE clients (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  bytes INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0), documents INTEGER NOT NULL DEFAULT 0 CHECK (documents >= 0)
) STRICT;
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY, credential_id TEXT NOT NULL UNIQUE, client INTEGER NOT NULL REFERENCES clients,
  state TEXT NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'erasing', 'erased')),
  content_hash BLOB, size INTEGER, metadata TEXT, share BLOB, credential TEXT,
  digest BLOB NOT NULL, issued_at INTEGER NOT NULL,
  revocation_reason TEXT, revoked_at INTEGER, erased_at INTEGER,
  checked_at INTEGER, last_verdict TEXT, checked_round INTEGER NOT NULL DEFAULT 0,
  CHECK (state = 'erased' OR
    (content_hash IS NOT NULL AND size IS NOT NULL AND metadata IS NOT NULL AND share IS NOT NULL AND credential IS NOT NULL)),
  CHECK (state <> 'erased' OR
    (content_hash IS NULL AND size IS NULL AND metadata IS NULL AND share IS NULL AND credential IS NULL))
) STRICT;
CREATE INDEX evidence_by_client ON evidence (client, id);
CREATE INDEX evidence_by_content ON evidence (content_hash) WHERE content_hash IS NOT NULL;
CREATE INDEX evidence_failing ON evidence (client, last_verdict)
  WHERE state = 'kept' AND last_verdict IN ('tampered', 'missing', 'unreadable');
CREATE INDEX evidence_by_round ON evidence (checked_round, id) WHERE state = 'kept';
CREATE INDEX evidence_erasing ON evidence (id) WHERE state = 'erasing';
-- Contents that may be in the content store without a row of evidence: written before one enters it.
CREATE TABLE content_intents (content_hash BLOB PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency_keys (
  client INTEGER NOT NULL, key_hash BLOB NOT NULL, request_hash BLOB NOT NULL, credential_id TEXT NOT NULL,
  created_at INTEGER NOT NULL, PRIMARY KEY (client, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_credential ON idempotency_keys (credential_id);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
-- Evidence carries the last round that read it, or that it came too late for: so a round goes on after a restart.
CREATE TABLE recheck_rounds (
  id INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, finished_at INTEGER,
  documents INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0, unreadable INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE notices (
  id INTEGER PRIMARY KEY, notice_id TEXT NOT NULL UNIQUE, client INTEGER NOT NULL REFERENCES clients,
  credential_id TEXT NOT NULL, verdict TEXT NOT NULL, found_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notices_by_client ON notices (client, id);
CREATE TABLE webhooks (
  client INTEGER PRIMARY KEY REFERENCES clients, url TEXT NOT NULL, secret TEXT NOT NULL, created_at INTEGER NOT NULL,
  disabled_at INTEGER, last_error TEXT
) STRICT;
-- Notices that their client's webhook has not taken; given up once dead has a reason.
CREATE TABLE webhook_deliveries (
  client INTEGER NOT NULL REFERENCES webhooks ON DELETE CASCADE, notice INTEGER NOT NULL REFERENCES notices ON DELETE CASCADE,
  attempts INTEGER NOT NULL DEFAULT 0, next_attempt_at INTEGER NOT NULL, dead TEXT, PRIMARY KEY (client, notice)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (client, notice) WHERE dead IS NULL;
CREATE INDEX webhook_deliveries_by_notice ON webhook_deliveries (notice);
`,
]

/** Opens the evidence server's database for this process alone; made on first use. @throws DATABASE_IN_USE, DATABASE_NEWER */
export const openEvidenceDatabase = (file: string): PartyDatabase =>
  // What is erased shall not stay readable in the file.
  openMigratedDatabase(file, MIGRATIONS, 'PRAGMA secure_delete = ON')

/** Opens it beside a running server, for short reads and writes. @throws DATABASE_NEWER */
export const joinEvidenceDatabase = (file: string): PartyDatabase => joinMigratedDatabase(file, MIGRATIONS)
