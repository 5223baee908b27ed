-- An index as the program of schema version 3 left it.
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE blocks (
    chain_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    time INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (chain_id, number)
  ) WITHOUT ROWID;
INSERT INTO blocks VALUES(7,1,X'0101010101010101010101010101010101010101010101010101010101010101',1001,0);
INSERT INTO blocks VALUES(7,2,X'0202020202020202020202020202020202020202020202020202020202020202',1002,0);
CREATE TABLE chain_states (
    chain_id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  );
CREATE TABLE chains (
    chain_id INTEGER PRIMARY KEY,
    genesis_hash BLOB NOT NULL,
    checkpoint_number INTEGER NOT NULL,
    checkpoint_hash BLOB NOT NULL,
    checkpoint_time INTEGER NOT NULL,
    final_number INTEGER NOT NULL
  );
INSERT INTO chains VALUES(7,X'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee',2,X'0202020202020202020202020202020202020202020202020202020202020202',1002,1);
CREATE TABLE contracts (
    contract_id INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL REFERENCES chains,
    address BLOB NOT NULL,
    kind TEXT NOT NULL,
    start_block INTEGER NOT NULL,
    caught_up_to INTEGER,
    UNIQUE (chain_id, address)
  );
INSERT INTO contracts VALUES(1,7,X'0101010101010101010101010101010101010101','QueryResultRegistry',1,NULL);
CREATE TABLE heads (
    contract_id INTEGER NOT NULL,
    author BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    head BLOB NOT NULL,
    entry_count INTEGER NOT NULL,
    verified INTEGER NOT NULL,
    PRIMARY KEY (contract_id, author, block_number)
  ) WITHOUT ROWID;
INSERT INTO heads VALUES(1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',1,X'4141414141414141414141414141414141414141414141414141414141414141',1,1);
INSERT INTO heads VALUES(1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',2,X'4242424242424242424242424242424242424242424242424242424242424242',2,0);
CREATE TABLE incomplete (
    contract_id INTEGER NOT NULL,
    author BLOB NOT NULL,
    block_number INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (contract_id, author)
  ) WITHOUT ROWID;
INSERT INTO incomplete VALUES(1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',2,1700000000000);
CREATE TABLE journal (
    version INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    from_block INTEGER NOT NULL,
    to_block INTEGER NOT NULL,
    details TEXT,
    at INTEGER NOT NULL
  );
CREATE TABLE late_rows (
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (chain_id, block_number, log_index)
  ) WITHOUT ROWID;
CREATE TABLE new_record_keys (
    key BLOB NOT NULL,
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    PRIMARY KEY (key, chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
CREATE TABLE orphaned_participant_events (
    chain_id, block_number, log_index, entry_index, contract_id, account, kind, details, transaction_hash,
    block_hash BLOB NOT NULL, block_time INTEGER NOT NULL, orphaned_at INTEGER NOT NULL, reason TEXT NOT NULL
  , added_version INTEGER NOT NULL DEFAULT 0, orphaned_version INTEGER NOT NULL DEFAULT 0);
INSERT INTO orphaned_participant_events VALUES(7,3,2,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','status','{"status":"active"}',X'7777777777777777777777777777777777777777777777777777777777777777',X'0303030303030303030303030303030303030303030303030303030303030303',1003,1795272230873,'reorganised',0,0);
CREATE TABLE orphaned_records (
    chain_id, block_number, log_index, entry_index, contract_id, author, key, digest, tier, transaction_hash,
    block_hash BLOB NOT NULL, block_time INTEGER NOT NULL, orphaned_at INTEGER NOT NULL, reason TEXT NOT NULL
  , added_version INTEGER NOT NULL DEFAULT 0, orphaned_version INTEGER NOT NULL DEFAULT 0);
INSERT INTO orphaned_records VALUES(7,3,0,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',X'6363636363636363636363636363636363636363636363636363636363636363',X'7373737373737373737373737373737373737373737373737373737373737373',0,X'7777777777777777777777777777777777777777777777777777777777777777',X'0303030303030303030303030303030303030303030303030303030303030303',1003,1795272230873,'reorganised',0,0);
CREATE TABLE orphaned_roots (
    chain_id, block_number, log_index, entry_index, contract_id, author, root, kind, leaf_count, manifest_uri, transaction_hash,
    block_hash BLOB NOT NULL, block_time INTEGER NOT NULL, orphaned_at INTEGER NOT NULL, reason TEXT NOT NULL
  , added_version INTEGER NOT NULL DEFAULT 0, orphaned_version INTEGER NOT NULL DEFAULT 0);
INSERT INTO orphaned_roots VALUES(7,3,1,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',X'5353535353535353535353535353535353535353535353535353535353535353',1,'18446744073709551615','ipfs://3',X'7777777777777777777777777777777777777777777777777777777777777777',X'0303030303030303030303030303030303030303030303030303030303030303',1003,1795272230873,'reorganised',0,0);
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
INSERT INTO participant_events VALUES(7,1,2,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','status','{"status":"active"}',X'7777777777777777777777777777777777777777777777777777777777777777');
INSERT INTO participant_events VALUES(7,2,2,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','status','{"status":"active"}',X'7777777777777777777777777777777777777777777777777777777777777777');
CREATE TABLE record_keys (
    key BLOB NOT NULL,
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    PRIMARY KEY (key, chain_id, block_number, log_index, entry_index)
  ) WITHOUT ROWID;
INSERT INTO record_keys VALUES(X'6161616161616161616161616161616161616161616161616161616161616161',7,1,0,0);
INSERT INTO record_keys VALUES(X'6262626262626262626262626262626262626262626262626262626262626262',7,2,0,0);
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
INSERT INTO records VALUES(7,1,0,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',X'6161616161616161616161616161616161616161616161616161616161616161',X'7171717171717171717171717171717171717171717171717171717171717171',0,X'7777777777777777777777777777777777777777777777777777777777777777');
INSERT INTO records VALUES(7,2,0,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',X'6262626262626262626262626262626262626262626262626262626262626262',X'7272727272727272727272727272727272727272727272727272727272727272',0,X'7777777777777777777777777777777777777777777777777777777777777777');
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
INSERT INTO roots VALUES(7,1,1,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',X'5151515151515151515151515151515151515151515151515151515151515151',1,'18446744073709551615','ipfs://1',X'7777777777777777777777777777777777777777777777777777777777777777');
INSERT INTO roots VALUES(7,2,1,0,1,X'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',X'5252525252525252525252525252525252525252525252525252525252525252',1,'18446744073709551615','ipfs://2',X'7777777777777777777777777777777777777777777777777777777777777777');
CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
INSERT INTO schema_versions VALUES(1,1795272230845);
INSERT INTO schema_versions VALUES(2,1795281580816);
INSERT INTO schema_versions VALUES(3,1795290885318);
CREATE TABLE store_version (version INTEGER NOT NULL, feed_pruned_to INTEGER NOT NULL);
INSERT INTO store_version VALUES(1,1);
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
CREATE TABLE orphaned_payments (
    chain_id, block_number, log_index, entry_index, contract_id, office, order_key, version, digest, payload, tier, visibility, kind, category, period, currency, amount_minor, paid_at, authority, transaction_hash,
    block_hash BLOB NOT NULL, block_time INTEGER NOT NULL, orphaned_at INTEGER NOT NULL, reason TEXT NOT NULL
  , added_version INTEGER NOT NULL DEFAULT 0, orphaned_version INTEGER NOT NULL DEFAULT 0);
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
CREATE INDEX records_by_author ON records (author, contract_id, block_number, log_index, entry_index);
CREATE INDEX roots_by_root ON roots (root);
CREATE INDEX roots_by_author ON roots (author, contract_id, block_number, log_index);
CREATE INDEX orphaned_records_by_key ON orphaned_records (key);
CREATE INDEX orphaned_records_by_added_version ON orphaned_records (added_version);
CREATE INDEX orphaned_records_by_orphaned_version ON orphaned_records (orphaned_version);
CREATE INDEX orphaned_roots_by_added_version ON orphaned_roots (added_version);
CREATE INDEX orphaned_roots_by_orphaned_version ON orphaned_roots (orphaned_version);
CREATE INDEX orphaned_participant_events_by_added_version ON orphaned_participant_events (added_version);
CREATE INDEX orphaned_participant_events_by_orphaned_version ON orphaned_participant_events (orphaned_version);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (state, next_attempt_at, sequence);
CREATE INDEX webhook_deliveries_by_sequence ON webhook_deliveries (webhook_id, sequence);
CREATE TRIGGER record_key_removed AFTER DELETE ON records BEGIN
    
    DELETE FROM new_record_keys WHERE key = old.key AND chain_id = old.chain_id
      AND block_number = old.block_number AND log_index = old.log_index AND entry_index = old.entry_index;
    
    DELETE FROM record_keys WHERE key = old.key AND chain_id = old.chain_id
      AND block_number = old.block_number AND log_index = old.log_index AND entry_index = old.entry_index;
  END;
CREATE INDEX payments_by_order
    ON payments (order_key, office, contract_id, version, block_number, log_index, entry_index);
CREATE INDEX payments_by_office ON payments (office, chain_id, block_number, log_index, entry_index);
CREATE INDEX payments_by_office_and_category
    ON payments (office, category, chain_id, block_number, log_index, entry_index);
CREATE INDEX payments_by_category ON payments (category, chain_id, block_number, log_index, entry_index);
CREATE INDEX orphaned_payments_by_order ON orphaned_payments (order_key);
CREATE INDEX orphaned_payments_by_place ON orphaned_payments (block_hash, log_index, entry_index);
CREATE INDEX payment_totals_by_block ON payment_totals (chain_id, block_number);
COMMIT;
