import { TABLES } from '../tables.ts'
import type { SqlWriter } from './engine.ts'

const SAME_LOG = 'l.chain_id = t.chain_id AND l.block_number = t.block_number AND l.log_index = t.log_index'

const move = (name: string, columns: readonly string[], reason: string, where: string) => `
  INSERT INTO orphaned_${name} (${columns.join(', ')},
    block_hash, block_time, orphaned_at, reason, added_version, orphaned_version)
  SELECT ${columns.map((column) => `t.${column}`).join(', ')},
    b.hash, b.time, CAST($1 AS BIGINT), '${reason}', COALESCE(l.version, b.version), CAST($2 AS BIGINT)
  FROM ${name} t JOIN blocks b ON b.chain_id = t.chain_id AND b.number = t.block_number
  LEFT JOIN late_rows l ON ${SAME_LOG} WHERE ${where}`

const statements = Object.values(TABLES).map(({ name, columns }) => ({
  moveAbove: move(name, columns, 'reorganised', 't.chain_id = $3 AND t.block_number > $4'),
  moveLog: move(
    name,
    columns,
    'contradicted',
    't.chain_id = $3 AND t.block_number = $4 AND t.log_index = $5',
  ),
  removeAbove: `DELETE FROM ${name} WHERE chain_id = $1 AND block_number > $2`,
  removeLog: `DELETE FROM ${name} WHERE chain_id = $1 AND block_number = $2 AND log_index = $3`,
}))

/** Moves rows out of sight, with the block they were in: what a chain once said may be said by nobody else any more. */
export async function orphanAbove(
  writer: SqlWriter,
  version: number,
  chainId: number,
  block: number,
): Promise<void> {
  for (const { moveAbove, removeAbove } of statements) {
    await writer.send(moveAbove, Date.now(), version, chainId, block)
    await writer.send(removeAbove, chainId, block)
  }
  await writer.send('DELETE FROM late_rows WHERE chain_id = $1 AND block_number > $2', chainId, block)
  await writer.send('DELETE FROM blocks WHERE chain_id = $1 AND number > $2', chainId, block)
}

/** The rows of one log. */
export async function orphanLog(
  writer: SqlWriter,
  version: number,
  chainId: number,
  block: number,
  logIndex: number,
): Promise<void> {
  for (const { moveLog, removeLog } of statements) {
    await writer.send(moveLog, Date.now(), version, chainId, block, logIndex)
    await writer.send(removeLog, chainId, block, logIndex)
  }
  await writer.send(
    'DELETE FROM late_rows WHERE chain_id = $1 AND block_number = $2 AND log_index = $3',
    chainId,
    block,
    logIndex,
  )
}
