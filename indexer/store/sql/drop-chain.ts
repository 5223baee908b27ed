import { TABLES } from '../tables.ts'
import type { SqlWriter } from './engine.ts'

const OF_CHAIN = [
  ...Object.keys(TABLES),
  ...Object.keys(TABLES).map((name) => `orphaned_${name}`),
  'blocks',
  'journal',
  'late_rows',
  'payment_totals',
  'chain_states',
]

/** Each table is waited for by itself: what a store waits for one answer is enough for one table, not for all of a large chain. */
export async function dropChain(writer: SqlWriter, version: number, chainId: number): Promise<void> {
  for (const table of ['heads', 'incomplete', 'payment_groups'])
    await writer.query(
      `DELETE FROM ${table} WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = $1)`,
      chainId,
    )
  for (const table of [...OF_CHAIN, 'contracts', 'chains'])
    await writer.query(`DELETE FROM ${table} WHERE chain_id = $1`, chainId)
  // What was told of it is not taken back event by event.
  await writer.send('UPDATE store_version SET feed_pruned_to = $1', version)
}
