const ROW = `
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,`

const FIRST_TABLES = {
  records: `${ROW}
    contract_id INTEGER NOT NULL,
    author BYTEA NOT NULL,
    key BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    tier SMALLINT NOT NULL,
    transaction_hash BYTEA NOT NULL`,
  roots: `${ROW}
    contract_id INTEGER NOT NULL,
    author BYTEA NOT NULL,
    root BYTEA NOT NULL,
    kind SMALLINT NOT NULL,
    leaf_count TEXT NOT NULL,
    manifest_uri TEXT,
    transaction_hash BYTEA NOT NULL`,
  participant_events: `${ROW}
    contract_id INTEGER NOT NULL,
    account BYTEA NOT NULL,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,
    transaction_hash BYTEA NOT NULL`,
}

const PAYMENTS = `${ROW}
    contract_id INTEGER NOT NULL,
    office BYTEA NOT NULL,
    order_key BYTEA NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    payload BYTEA NOT NULL,
    tier SMALLINT NOT NULL,
    visibility SMALLINT,
    kind TEXT,
    category TEXT,
    period TEXT,
    currency TEXT,
    amount_minor BIGINT,
    paid_at TEXT,
    authority TEXT,
    transaction_hash BYTEA NOT NULL`

const REVOCATIONS = `${ROW}
    contract_id INTEGER NOT NULL,
    issuer BYTEA NOT NULL,
    credential_key BYTEA NOT NULL,
    revocation_reason BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL`

/** A table of rows that have positions, and the one that its orphans move to. */
const tableOf = (name: string, columns: string): string => `
  CREATE TABLE ${name} (${columns},
    PRIMARY KEY (chain_id, block_number, log_index, entry_index)
  );
  CREATE TABLE orphaned_${name} (${columns},
    block_hash BYTEA NOT NULL,
    block_time BIGINT NOT NULL,
    orphaned_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    added_version BIGINT NOT NULL,
    orphaned_version BIGINT NOT NULL
  );
  CREATE INDEX orphaned_${name}_by_added_version ON orphaned_${name} (added_version);
  CREATE INDEX orphaned_${name}_by_orphaned_version ON orphaned_${name} (orphaned_version);`

const firstTables = Object.entries(FIRST_TABLES)
  .map(([name, columns]) => tableOf(name, columns))
  .join('')

/** Forward only: a released step is never changed, a new one is added at the end. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE store_version (version BIGINT NOT NULL, feed_pruned_to BIGINT NOT NULL);
  INSERT INTO store_version VALUES (0, 0);
  CREATE TABLE chains (
    chain_id BIGINT PRIMARY KEY,
    genesis_hash BYTEA NOT NULL,
    checkpoint_number BIGINT NOT NULL,
    checkpoint_hash BYTEA NOT NULL,
    checkpoint_time BIGINT NOT NULL,
    final_number BIGINT NOT NULL
  );
  CREATE TABLE contracts (
    contract_id INTEGER PRIMARY KEY,
    chain_id BIGINT NOT NULL REFERENCES chains,
    address BYTEA NOT NULL,
    kind TEXT NOT NULL,
    start_block BIGINT NOT NULL,
    caught_up_to BIGINT,
    UNIQUE (chain_id, address)
  );
  -- Blocks that have rows, and every block above the last final one.
  CREATE TABLE blocks (
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    time BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (chain_id, number)
  );${firstTables}
  CREATE INDEX records_by_key ON records (key);
  CREATE INDEX records_by_author ON records (author, contract_id, block_number, log_index, entry_index);
  ALTER TABLE records ALTER COLUMN key SET (n_distinct = -0.5);
  CREATE INDEX roots_by_root ON roots (root);
  CREATE INDEX roots_by_author ON roots (author, contract_id, block_number, log_index);
  CREATE INDEX orphaned_records_by_key ON orphaned_records (key);
  CREATE TABLE heads (
    contract_id INTEGER NOT NULL,
    author BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    head BYTEA NOT NULL,
    entry_count BIGINT NOT NULL,
    verified SMALLINT NOT NULL,
    PRIMARY KEY (contract_id, author, block_number)
  );
  CREATE TABLE incomplete (
    contract_id INTEGER NOT NULL,
    author BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (contract_id, author)
  );
  -- Commits that added or took rows.
  CREATE TABLE journal (
    version BIGINT PRIMARY KEY,
    chain_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    from_block BIGINT NOT NULL,
    to_block BIGINT NOT NULL,
    details TEXT,
    at BIGINT NOT NULL
  );
  -- Logs that came with another version than their block.
  CREATE TABLE late_rows (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index INTEGER NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
  );
  CREATE TABLE chain_states (
    chain_id BIGINT PRIMARY KEY,
    state TEXT NOT NULL,
    updated_at BIGINT NOT NULL
  );
  CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    deliver TEXT NOT NULL,
    filter TEXT NOT NULL,
    cursor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
  );
  CREATE TABLE webhook_deliveries (
    webhook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, event_id)
  );
  CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (state, next_attempt_at, sequence);
  CREATE INDEX webhook_deliveries_by_sequence ON webhook_deliveries (webhook_id, sequence);
  `,
  `${tableOf('payments', PAYMENTS)}
  CREATE INDEX payments_by_order
    ON payments (order_key, office, contract_id, version, block_number, log_index, entry_index);
  ALTER TABLE payments ALTER COLUMN order_key SET (n_distinct = -0.5);
  CREATE INDEX payments_by_office ON payments (office, chain_id, block_number, log_index, entry_index);
  CREATE INDEX payments_by_office_and_category
    ON payments (office, category, chain_id, block_number, log_index, entry_index);
  CREATE INDEX payments_by_category ON payments (category, chain_id, block_number, log_index, entry_index);
  CREATE INDEX orphaned_payments_by_order ON orphaned_payments (order_key);
  CREATE INDEX orphaned_payments_by_place ON orphaned_payments (block_hash, log_index, entry_index);
  -- What payments add up to, by office and what they are for; of each group the sums as of every block that changed them.
  CREATE TABLE payment_groups (
    group_id INTEGER PRIMARY KEY,
    contract_id INTEGER NOT NULL,
    office BYTEA NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    UNIQUE (contract_id, office, category, period, currency)
  );
  CREATE TABLE payment_totals (
    group_id INTEGER NOT NULL,
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    orders BIGINT NOT NULL,
    payments BIGINT NOT NULL,
    corrections BIGINT NOT NULL,
    reversals BIGINT NOT NULL,
    refunds BIGINT NOT NULL,
    sealed BIGINT NOT NULL,
    unreadable BIGINT NOT NULL,
    public_orders BIGINT NOT NULL,
    net TEXT NOT NULL,
    PRIMARY KEY (group_id, block_number)
  );
  CREATE INDEX payment_totals_by_block ON payment_totals (chain_id, block_number);
  `,
  `${tableOf('revocations', REVOCATIONS)}
  CREATE INDEX revocations_by_issuer
    ON revocations (issuer, contract_id, block_number, log_index, entry_index);
  CREATE INDEX orphaned_revocations_by_place ON orphaned_revocations (block_hash, log_index, entry_index);
  `,
]
