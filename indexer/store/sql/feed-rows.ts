import { bytesToHex, type Hex } from '../../../protocol/hex.ts'
import type { ChainPosition, FeedRow } from '../feed.ts'
import { RECORD_TIERS, ROOT_KINDS } from '../tables.ts'
import type { Columns } from './engine.ts'

const NO_BYTES = 'CAST(NULL AS BYTEA)'
const NO_TEXT = 'CAST(NULL AS TEXT)'

// Every table that the feed tells of, in the same columns: kind, entry, contract, who, two hashes, a number, two texts.
const SOURCES = [
  {
    name: 'records',
    columns: `1, r.entry_index, r.contract_id, r.author, r.key, r.digest, r.tier, ${NO_TEXT}, ${NO_TEXT}`,
  },
  {
    name: 'roots',
    columns: `0, -1, r.contract_id, r.author, r.root, ${NO_BYTES}, r.kind, r.leaf_count, r.manifest_uri`,
  },
  {
    name: 'participant_events',
    columns: `2, r.entry_index, r.contract_id, r.account, ${NO_BYTES}, ${NO_BYTES}, 0, r.kind, r.details`,
  },
] as const

const POSITION = 'r.chain_id AS chain_id, r.block_number AS block_number, r.log_index AS log_index'
const COLUMN_NAMES = '(kind, entry, contract_id, who, one, two, number, text, more_text)'

/** Names the columns of the first part of a union, which names them for all. */
function named(columns: string): string {
  const names = COLUMN_NAMES.slice(1, -1).split(', ')
  return columns
    .split(', ')
    .map((column, i) => `${column} AS ${names[i]}`)
    .join(', ')
}

const union = (part: (source: (typeof SOURCES)[number], columns: string) => string): string =>
  SOURCES.map((source) => part(source, `${POSITION}, ${named(source.columns)}, r.transaction_hash`)).join(
    ' UNION ALL ',
  )

const ORDER = 'block_number, log_index, entry'
const REVERSE_ORDER = 'block_number DESC, log_index DESC, entry DESC'

const addedAt = union(
  ({ name }, columns) => `
  SELECT ${columns}, b.hash AS block_hash, b.time AS block_time, 1 AS is_canonical, 'reorganised' AS reason
  FROM blocks b JOIN ${name} r ON r.chain_id = b.chain_id AND r.block_number = b.number
  LEFT JOIN late_rows l ON l.chain_id = r.chain_id AND l.block_number = r.block_number AND l.log_index = r.log_index
  WHERE b.chain_id = $1 AND b.number BETWEEN $2 AND $3 AND COALESCE(l.version, b.version) = $4
  UNION ALL
  SELECT ${columns}, r.block_hash, r.block_time, 0, r.reason
  FROM orphaned_${name} r WHERE r.added_version = $4`,
)

/**
 * All rows that came with a version, those that were orphaned since too: the place of a row among them never changes.
 * Values: chain, first and last block, version, limit, offset.
 */
export const ADDED_ROWS = `SELECT * FROM (${addedAt}) t ORDER BY ${ORDER} LIMIT CAST($5 AS BIGINT) OFFSET CAST($6 AS BIGINT)`

const afterPlace = (name: string): string =>
  `(r.block_number, r.log_index, ${name === 'roots' ? '-1' : 'r.entry_index'}) > (CAST($2 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT))`
const FIRST_OF_THEM = 'ORDER BY r.block_number, r.log_index, r.entry_index LIMIT CAST($5 AS BIGINT)'

const addedAfter = union(
  ({ name }, columns) => `
  SELECT * FROM (
    SELECT ${columns}, b.hash AS block_hash, b.time AS block_time, 1 AS is_canonical, 'reorganised' AS reason
    FROM ${name} r JOIN blocks b ON b.chain_id = r.chain_id AND b.number = r.block_number
    LEFT JOIN late_rows l ON l.chain_id = r.chain_id AND l.block_number = r.block_number AND l.log_index = r.log_index
    WHERE r.chain_id = $1 AND r.block_number BETWEEN $2 AND $3 AND COALESCE(l.version, b.version) = $4
      AND ${afterPlace(name)} ${FIRST_OF_THEM}
  ) ${name} UNION ALL SELECT * FROM (
    SELECT ${columns}, r.block_hash AS block_hash, r.block_time AS block_time, 0 AS is_canonical, r.reason AS reason
    FROM orphaned_${name} r WHERE r.added_version = $4 AND ${afterPlace(name)} ${FIRST_OF_THEM}
  ) orphaned_${name}`,
)

/** The same rows, after a place on the chain. Values: chain, its block, last block, version, limit, its log and entry. */
export const ADDED_ROWS_AFTER = `SELECT * FROM (${addedAfter}) t ORDER BY ${ORDER} LIMIT CAST($5 AS BIGINT)`

const retractedAt = union(
  ({ name }, columns) => `
  SELECT ${columns}, r.block_hash AS block_hash, r.block_time AS block_time, r.added_version AS added_version,
    r.reason AS reason
  FROM orphaned_${name} r WHERE r.orphaned_version = $1`,
)

/** All rows that left with a version, the last first. Values: version, limit, offset. */
export const RETRACTED_ROWS = `SELECT * FROM (${retractedAt}) t ORDER BY ${REVERSE_ORDER} LIMIT CAST($2 AS BIGINT) OFFSET CAST($3 AS BIGINT)`
export const COUNT_RETRACTED = SOURCES.map(
  ({ name }) => `(SELECT COUNT(*) FROM orphaned_${name} WHERE orphaned_version = $1)`,
).join(' + ')

/** Values: chain, last block, position after which, limit. */
export const FINAL_ROWS = `SELECT * FROM (${SOURCES.map(
  ({ name, columns }) => `
  SELECT * FROM (
    SELECT ${POSITION}, ${named(columns)}, r.transaction_hash, b.hash AS block_hash, b.time AS block_time,
      COALESCE(l.version, b.version) AS version
    FROM ${name} r JOIN blocks b ON b.chain_id = r.chain_id AND b.number = r.block_number
    LEFT JOIN late_rows l ON l.chain_id = r.chain_id AND l.block_number = r.block_number AND l.log_index = r.log_index
    WHERE r.chain_id = $1 AND r.block_number BETWEEN $3 AND $2 AND (r.block_number, r.log_index, ${
      name === 'roots' ? '-1' : 'r.entry_index'
    }) > ($3, $4, $5)
    ORDER BY r.block_number, r.log_index, r.entry_index LIMIT CAST($6 AS BIGINT)
  ) ${name}`,
).join(' UNION ALL ')}) t ORDER BY ${ORDER} LIMIT CAST($6 AS BIGINT)`

/** A row of the three queries above, and what came after its columns. */
export function toFeedRow(c: Columns): { row: FeedRow; at: ChainPosition; rest: Columns } {
  const [chainId, blockNumber, logIndex, kind, entryIndex, contractId] = c as number[]
  const hex = (i: number): Hex => bytesToHex(c[i] as Uint8Array)
  const position = {
    chainId: chainId!,
    blockNumber: blockNumber!,
    logIndex: logIndex!,
    contractId: contractId!,
  }
  const block = { transactionHash: hex(12), blockHash: hex(13), blockTime: c[14] as number }
  const at = { blockNumber: blockNumber!, logIndex: logIndex!, entryIndex: entryIndex! }
  return { row: feedRow(), at, rest: c.slice(15) }

  function feedRow(): FeedRow {
    if (kind === 1)
      return {
        kind: 'record',
        row: {
          ...position,
          ...block,
          entryIndex: entryIndex!,
          author: hex(6),
          key: hex(7),
          digest: hex(8),
          tier: RECORD_TIERS[c[9] as number]!,
        },
      }
    if (kind === 0)
      return {
        kind: 'root',
        row: {
          ...position,
          ...block,
          author: c[6] as Uint8Array,
          root: c[7] as Uint8Array,
          kind: ROOT_KINDS[c[9] as number]!,
          leafCount: BigInt(c[10] as string),
          manifestUri: (c[11] as string | null) ?? undefined,
        },
      }
    return {
      kind: 'participant',
      row: {
        ...position,
        ...block,
        account: c[6] as Uint8Array,
        kind: c[10] as string,
        details: c[11] as string,
      },
    }
  }
}
