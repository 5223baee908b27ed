import type { Visibility } from '../../protocol/payments/payment-payload.ts'

/**
 * The tables that projections fill. Every one has the same first columns, which say where on the chain a row comes from,
 * so that rolling back, repairing and dumping are written once. An orphaned row moves to `orphaned_<table>`, which
 * has these columns too and says in which block it was, when and why it left.
 */
export const POSITION_COLUMNS = ['chain_id', 'block_number', 'log_index', 'entry_index'] as const

const table = <Name extends string>(name: Name, columns: readonly string[]) => ({
  name,
  columns: [...POSITION_COLUMNS, ...columns] as readonly string[],
})

export const TABLES = {
  /** One row a record: of its own event or transaction batch (tier 0), or an entry of a publication (tier 1). */
  records: table('records', ['contract_id', 'author', 'key', 'digest', 'tier', 'transaction_hash']),
  /** Publications (kind 0) and anchors (kind 1). */
  roots: table('roots', [
    'contract_id',
    'author',
    'root',
    'kind',
    'leaf_count',
    'manifest_uri',
    'transaction_hash',
  ]),
  /** What the participant directory said; `details` is JSON. */
  participant_events: table('participant_events', [
    'contract_id',
    'account',
    'kind',
    'details',
    'transaction_hash',
  ]),
  /**
   * What the registry of payments says beside key and digest, at the position of the row of `records` that has those. Decoded columns are
   * null where the payload says nothing: of a sealed one all that is sealed, of one that is no payload everything.
   */
  payments: table('payments', [
    'contract_id',
    'office',
    'order_key',
    'version',
    'digest',
    'payload',
    'tier',
    'visibility',
    'kind',
    'category',
    'period',
    'currency',
    'amount_minor',
    'paid_at',
    'authority',
    'transaction_hash',
  ]),
  /** Why a credential was revoked, at the position of the row of `records` that has the hash of that. */
  revocations: table('revocations', [
    'contract_id',
    'issuer',
    'credential_key',
    'revocation_reason',
    'transaction_hash',
  ]),
} as const

export type TableName = keyof typeof TABLES

/** Tables whose every row stands at the place of one of `records`, which vouches for it. */
export const BESIDE_RECORDS = ['payments', 'revocations'] as const
export type BesideTable = (typeof BESIDE_RECORDS)[number]
export const isBesideRecords = (name: string): name is BesideTable =>
  (BESIDE_RECORDS as readonly string[]).includes(name)

export type Value = number | string | Uint8Array | null

/** Rows of one table, their values one after the other: a bulk insert takes slices of it. */
export interface RowBuffer {
  readonly table: TableName
  readonly values: Value[]
}

/** What is added up of payments, in this order; `net` is decimal text, as it may be past what a number carries. */
export const PAYMENT_SUMS = [
  'orders',
  'payments',
  'corrections',
  'reversals',
  'refunds',
  'sealed',
  'unreadable',
  'public_orders',
  'net',
] as const

const ORPHAN_COLUMNS = [
  'block_hash',
  'block_time',
  'orphaned_at',
  'reason',
  'added_version',
  'orphaned_version',
]

/**
 * Every table, with its columns, in an order in which they can be filled. Backups name columns by these; one that is new must
 * have a default.
 */
export const ALL_TABLES: Readonly<Record<string, readonly string[]>> = {
  store_version: ['version', 'feed_pruned_to'],
  chains: [
    'chain_id',
    'genesis_hash',
    'checkpoint_number',
    'checkpoint_hash',
    'checkpoint_time',
    'final_number',
  ],
  contracts: ['contract_id', 'chain_id', 'address', 'kind', 'start_block', 'caught_up_to'],
  blocks: ['chain_id', 'number', 'hash', 'time', 'version'],
  ...Object.fromEntries(Object.values(TABLES).map(({ name, columns }) => [name, columns])),
  ...Object.fromEntries(
    Object.values(TABLES).map(({ name, columns }) => [`orphaned_${name}`, [...columns, ...ORPHAN_COLUMNS]]),
  ),
  payment_groups: ['group_id', 'contract_id', 'office', 'category', 'period', 'currency'],
  payment_totals: ['group_id', 'chain_id', 'block_number', ...PAYMENT_SUMS],
  heads: ['contract_id', 'author', 'block_number', 'head', 'entry_count', 'verified'],
  incomplete: ['contract_id', 'author', 'block_number', 'since'],
  chain_states: ['chain_id', 'state', 'updated_at'],
  journal: ['version', 'chain_id', 'kind', 'from_block', 'to_block', 'details', 'at'],
  late_rows: ['chain_id', 'block_number', 'log_index', 'version'],
  webhooks: ['id', 'url', 'secret', 'deliver', 'filter', 'cursor', 'created_at', 'disabled_at'],
  webhook_deliveries: [
    'webhook_id',
    'event_id',
    'body',
    'state',
    'attempts',
    'next_attempt_at',
    'last_error',
    'created_at',
    'sequence',
  ],
}

/** Rows of one of `ALL_TABLES`, in the order of `columns`. A table may come in any number of parts. */
export interface TableRows {
  table: string
  columns: readonly string[]
  rows: readonly (readonly Value[])[]
}

export const RECORD_TIERS = ['recorded', 'published'] as const
export type RecordTier = (typeof RECORD_TIERS)[number]
export const VISIBILITIES: readonly Visibility[] = ['public', 'sealed']
export const ROOT_KINDS = ['publication', 'anchor'] as const
export type RootKind = (typeof ROOT_KINDS)[number]
