import { POSITION_COLUMNS, TABLES } from '../tables.ts'
import { KEYS_WITHOUT_TRIGGER, RECORD_KEYS_SCHEMA } from './record-keys.ts'

/** Forward only: a released step is never changed, a new one is added at the end. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE chains (
    chain_id INTEGER PRIMARY KEY,
    genesis_hash BLOB NOT NULL,
    checkpoint_number INTEGER NOT NULL,
    checkpoint_hash BLOB NOT NULL,
    checkpoint_time INTEGER NOT NULL,
    final_number INTEGER NOT NULL
  );
  CREATE TABLE contracts (
    contract_id INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL REFERENCES chains,
    address BLOB NOT NULL,
    kind TEXT NOT NULL,
    start_block INTEGER NOT NULL,
    caught_up_to INTEGER,
    UNIQUE (chain_id, address)
  );
  -- Blocks that have rows, and every block above the last final one.
  CREATE TABLE blocks (
    chain_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (chain_id, number)
  ) WITHOUT ROWID;
  CREATE TABLE records (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    author BLOB NOT NULL,
    key BLOB NOT NULL,
    digest BLOB NOT NULL,
    tier INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
  CREATE INDEX records_by_key ON records (key);
  CREATE INDEX records_by_author ON records (author, contract_id, block_number, log_index, entry_index);
  CREATE TABLE roots (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    author BLOB NOT NULL,
    root BLOB NOT NULL,
    kind INTEGER NOT NULL,
    leaf_count TEXT NOT NULL,
    manifest_uri TEXT,
    transaction_hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
  CREATE INDEX roots_by_root ON roots (root);
  CREATE INDEX roots_by_author ON roots (author, contract_id, block_number, log_index);
  CREATE TABLE participant_events (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    account BLOB NOT NULL,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,
    transaction_hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
  ${orphanTable('records')}
  CREATE INDEX orphaned_records_by_key ON orphaned_records (key);
  ${orphanTable('roots')}
  ${orphanTable('participant_events')}
  CREATE TABLE heads (
    contract_id INTEGER NOT NULL,
    author BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    head BLOB NOT NULL,
    entry_count INTEGER NOT NULL,
    verified INTEGER NOT NULL,
    PRIMARY KEY (contract_id, author, block_number)
  ) WITHOUT ROWID;
  CREATE TABLE incomplete (
    contract_id INTEGER NOT NULL,
    author BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (contract_id, author)
  ) WITHOUT ROWID;
  `,
  // What there is already is of no version that the feed could tell of.
  `
  CREATE TABLE store_version (version INTEGER NOT NULL, feed_pruned_to INTEGER NOT NULL);
  INSERT INTO store_version SELECT n, n FROM (SELECT EXISTS (SELECT 1 FROM chains) AS n);
  ALTER TABLE blocks ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
  ${['records', 'roots', 'participant_events']
    .map(
      (name) => `
  ALTER TABLE orphaned_${name} ADD COLUMN added_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE orphaned_${name} ADD COLUMN orphaned_version INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX orphaned_${name}_by_added_version ON orphaned_${name} (added_version);
  CREATE INDEX orphaned_${name}_by_orphaned_version ON orphaned_${name} (orphaned_version);`,
    )
    .join('')}
  -- Commits that added or took rows.
  CREATE TABLE journal (
    version INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    from_block INTEGER NOT NULL,
    to_block INTEGER NOT NULL,
    details TEXT,
    at INTEGER NOT NULL
  );
  -- Logs that came with another version than their block.
  CREATE TABLE late_rows (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
  ) WITHOUT ROWID;
  CREATE TABLE chain_states (
    chain_id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  );
  CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    deliver TEXT NOT NULL,
    filter TEXT NOT NULL,
    cursor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE webhook_deliveries (
    webhook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, event_id)
  ) WITHOUT ROWID;
  CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (state, next_attempt_at, sequence);
  CREATE INDEX webhook_deliveries_by_sequence ON webhook_deliveries (webhook_id, sequence);
  ${RECORD_KEYS_SCHEMA}
  `,
  `
  ${KEYS_WITHOUT_TRIGGER}
  CREATE TABLE payments (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    office BLOB NOT NULL,
    order_key BLOB NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    payload BLOB NOT NULL,
    tier INTEGER NOT NULL,
    visibility INTEGER,
    kind TEXT,
    category TEXT,
    period TEXT,
    currency TEXT,
    amount_minor INTEGER,
    paid_at TEXT,
    authority TEXT,
    transaction_hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
  CREATE INDEX payments_by_order
    ON payments (order_key, office, contract_id, version, block_number, log_index, entry_index);
  CREATE INDEX payments_by_office ON payments (office, chain_id, block_number, log_index, entry_index);
  CREATE INDEX payments_by_office_and_category
    ON payments (office, category, chain_id, block_number, log_index, entry_index);
  CREATE INDEX payments_by_category ON payments (category, chain_id, block_number, log_index, entry_index);
  ${orphanTable('payments')}
  ALTER TABLE orphaned_payments ADD COLUMN added_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE orphaned_payments ADD COLUMN orphaned_version INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX orphaned_payments_by_order ON orphaned_payments (order_key);
  CREATE INDEX orphaned_payments_by_place ON orphaned_payments (block_hash, log_index, entry_index);
  -- What payments add up to, by office and what they are for; of each group the sums as of every block that changed them.
  CREATE TABLE payment_groups (
    group_id INTEGER PRIMARY KEY,
    contract_id INTEGER NOT NULL,
    office BLOB NOT NULL,
    category TEXT NOT NULL,
    period TEXT NOT NULL,
    currency TEXT NOT NULL,
    UNIQUE (contract_id, office, category, period, currency)
  );
  CREATE TABLE payment_totals (
    group_id INTEGER NOT NULL,
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    orders INTEGER NOT NULL,
    payments INTEGER NOT NULL,
    corrections INTEGER NOT NULL,
    reversals INTEGER NOT NULL,
    refunds INTEGER NOT NULL,
    sealed INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    public_orders INTEGER NOT NULL,
    net TEXT NOT NULL,
    PRIMARY KEY (group_id, block_number)
  ) WITHOUT ROWID;
  CREATE INDEX payment_totals_by_block ON payment_totals (chain_id, block_number);
  `,
  `
  CREATE TABLE revocations (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    issuer BLOB NOT NULL,
    credential_key BLOB NOT NULL,
    revocation_reason BLOB NOT NULL,
    transaction_hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
  CREATE INDEX revocations_by_issuer
    ON revocations (issuer, contract_id, block_number, log_index, entry_index);
  ${orphanTable('revocations')}
  ALTER TABLE orphaned_revocations ADD COLUMN added_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE orphaned_revocations ADD COLUMN orphaned_version INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX orphaned_revocations_by_place ON orphaned_revocations (block_hash, log_index, entry_index);
  `,
]

/** Types follow the values: an orphan is a copy of a row that was checked when it came in. */
function orphanTable(name: keyof typeof TABLES): string {
  const own = TABLES[name].columns.slice(POSITION_COLUMNS.length)
  return `CREATE TABLE orphaned_${name} (
    ${[...POSITION_COLUMNS, ...own].join(', ')},
    block_hash BLOB NOT NULL, block_time INTEGER NOT NULL, orphaned_at INTEGER NOT NULL, reason TEXT NOT NULL
  );`
}
