import { type RowBuffer, TABLES } from '../tables.ts'
import type { SqlWriter } from './engine.ts'

export interface JournalEntry {
  version: number
  chainId: number
  kind: 'append' | 'rollback' | 'repair'
  /** Its rows are in blocks from here… */
  fromBlock: number
  /** …to here. */
  toBlock: number
  details: { isLate?: true; added?: number; taken?: number } | null
}

export async function writeJournal(writer: SqlWriter, entry: JournalEntry): Promise<void> {
  await writer.send(
    'INSERT INTO journal (version, chain_id, kind, from_block, to_block, details, at) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    entry.version,
    entry.chainId,
    entry.kind,
    entry.fromBlock,
    entry.toBlock,
    entry.details === null ? null : JSON.stringify(entry.details),
    Date.now(),
  )
}

/** The blocks that rows are in; undefined when there are none. */
export function blockRangeOf(buffers: readonly RowBuffer[]): { from: number; to: number } | undefined {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { table, values } of buffers)
    for (let at = 1; at < values.length; at += TABLES[table].columns.length) {
      const block = values[at] as number
      if (block < from) from = block
      if (block > to) to = block
    }
  return from > to ? undefined : { from, to }
}

/**
 * Remembers the logs that come into blocks that were there before, up to `upTo`: the feed tells a row with its block
 * unless it is named here. To be called before the blocks of the same commit are written.
 */
export async function writeLateRows(
  writer: SqlWriter,
  version: number,
  buffers: readonly RowBuffer[],
  upTo: number,
): Promise<void> {
  const logs = new Map<string, number[]>()
  for (const { table, values } of buffers)
    for (let at = 0; at < values.length; at += TABLES[table].columns.length) {
      const [chainId, block, logIndex] = values.slice(at, at + 3) as number[]
      if (block! <= upTo) logs.set(`${block}:${logIndex}`, [chainId!, block!, logIndex!, version])
    }
  await writer.runMany(
    `INSERT INTO late_rows (chain_id, block_number, log_index, version)
     SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS INTEGER), CAST($4 AS BIGINT)
     WHERE EXISTS (SELECT 1 FROM blocks WHERE chain_id = $1 AND number = $2)
     ON CONFLICT (chain_id, block_number, log_index) DO UPDATE SET version = excluded.version`,
    [...logs.values()],
  )
}

const NEVER = Number.MAX_SAFE_INTEGER

/** Forgets entries whose rows are final, and that were written before `at` (unix ms); the newest of them is kept. */
export async function pruneJournal(writer: SqlWriter, at: number): Promise<void> {
  const one = async (sql: string, ...values: number[]): Promise<number | null> =>
    ((await writer.query(sql, ...values))[0]?.[0] ?? null) as number | null
  // From the oldest on: mostly it is among the first.
  const firstKept = await one(
    `SELECT j.version FROM journal j JOIN chains c ON c.chain_id = j.chain_id
     WHERE j.at >= $1 OR j.to_block > c.final_number ORDER BY j.version LIMIT 1`,
    at,
  )
  const newest = await one('SELECT MAX(version) FROM journal WHERE version < $1', firstKept ?? NEVER)
  const pruned = await one('SELECT MAX(version) FROM journal WHERE version < $1', newest ?? 0)
  if (pruned === null) return
  await writer.send('DELETE FROM journal WHERE version <= $1', pruned)
  await writer.send('DELETE FROM late_rows WHERE version <= $1', pruned)
  await writer.send('UPDATE store_version SET feed_pruned_to = $1', pruned)
}
