import type { DatabaseSync } from 'node:sqlite'

const TABLES = `
  CREATE TABLE IF NOT EXISTS outbox_owner (
    chain_id INTEGER NOT NULL,
    registry TEXT NOT NULL,
    author TEXT NOT NULL,
    genesis_hash TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS outbox_submissions (
    id INTEGER PRIMARY KEY,
    nonce INTEGER NOT NULL,
    gas_limit INTEGER NOT NULL,
    entry_count INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'mined', 'final', 'reverted', 'superseded')),
    transaction_hash TEXT,
    block_number INTEGER,
    root TEXT,
    signed_after_block INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS outbox_submissions_unsettled ON outbox_submissions (state, nonce)
    WHERE state IN ('open', 'mined');
  CREATE TABLE IF NOT EXISTS outbox_transactions (
    transaction_hash TEXT PRIMARY KEY,
    submission_id INTEGER NOT NULL REFERENCES outbox_submissions,
    raw TEXT NOT NULL,
    max_fee_wei TEXT NOT NULL,
    priority_fee_wei TEXT NOT NULL,
    sent_at_ms INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS outbox_transactions_by_submission ON outbox_transactions (submission_id);
  CREATE TABLE IF NOT EXISTS outbox_entries (
    id INTEGER PRIMARY KEY,
    entry_key TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    record_by INTEGER NOT NULL,
    added_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'submitted', 'recorded', 'final', 'conflict')),
    submission_id INTEGER REFERENCES outbox_submissions,
    batch_limit INTEGER,
    refusals INTEGER NOT NULL DEFAULT 0,
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    transaction_hash TEXT,
    block_number INTEGER,
    content BLOB,
    after_key TEXT,
    call_group TEXT NOT NULL DEFAULT ''
  ) STRICT;
  CREATE INDEX IF NOT EXISTS outbox_entries_by_submission ON outbox_entries (submission_id);
  CREATE INDEX IF NOT EXISTS outbox_entries_unsettled ON outbox_entries (state, record_by) WHERE state <> 'final';
`

/** Columns that tables made by an earlier version lack. */
const ADDED_COLUMNS = [
  ['outbox_owner', 'genesis_hash TEXT'],
  ['outbox_submissions', 'root TEXT'],
  ['outbox_submissions', 'signed_after_block INTEGER'],
  ['outbox_entries', 'content BLOB'],
  ['outbox_entries', 'after_key TEXT'],
  ['outbox_entries', "call_group TEXT NOT NULL DEFAULT ''"],
] as const

const INDEXES = `
  DROP INDEX IF EXISTS outbox_entries_pending;
  CREATE INDEX IF NOT EXISTS outbox_entries_pending_by_group ON outbox_entries (call_group, id) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS outbox_entries_by_predecessor ON outbox_entries (after_key) WHERE after_key IS NOT NULL;
  CREATE INDEX IF NOT EXISTS outbox_submissions_on_chain ON outbox_submissions (nonce)
    WHERE state IN ('mined', 'final');
  CREATE INDEX IF NOT EXISTS outbox_submissions_by_root ON outbox_submissions (root) WHERE root IS NOT NULL;
  CREATE TABLE IF NOT EXISTS outbox_superseded_entries (
    submission_id INTEGER NOT NULL, entry_id INTEGER NOT NULL, PRIMARY KEY (submission_id, entry_id)
  ) STRICT, WITHOUT ROWID;
`

/** Makes the tables of the book writer, or brings those of an earlier version up to date. */
export function prepareOutbox(db: DatabaseSync): void {
  db.exec(TABLES)
  for (const [table, column] of ADDED_COLUMNS) {
    const known = db.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?')
    if (known.get(table, column.split(' ')[0]!) === undefined)
      db.exec(`ALTER TABLE ${table} ADD COLUMN ${column}`)
  }
  db.exec(INDEXES)
}
