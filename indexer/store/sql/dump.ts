import { bytesToHex } from '../../../protocol/hex.ts'
import { PAYMENT_SUMS, TABLES, type TableName } from '../tables.ts'
import type { Columns, SqlEngine, SqlSnapshot } from './engine.ts'

const WITH_CONTRACT = 'JOIN contracts c ON c.contract_id = t.contract_id'

/** One line a row, in chain order. Orphans are history, not a consequence of the chain. */
export async function* dumpStore(
  engine: SqlEngine,
  tables?: readonly TableName[],
  moment?: string,
): AsyncGenerator<string> {
  const snapshot = await engine.snapshot(moment)
  try {
    for (const { name, columns } of Object.values(TABLES)) {
      if (tables?.includes(name) === false) continue
      // Numbers of contracts differ between stores of one chain; their addresses do not.
      const shown = columns.map((column) => (column === 'contract_id' ? 'c.address' : `t.${column}`))
      yield* lines(
        snapshot,
        name,
        `SELECT ${shown.join(', ')}, b.hash, b.time FROM ${name} t ${WITH_CONTRACT}
         LEFT JOIN blocks b ON b.chain_id = t.chain_id AND b.number = t.block_number
         ORDER BY t.chain_id, t.block_number, t.log_index, t.entry_index`,
      )
    }
    if (tables !== undefined) return
    yield* lines(
      snapshot,
      'payment_totals',
      `SELECT c.chain_id, p.block_number, 0, 0, c.address, t.office, t.category, t.period, t.currency,
         ${PAYMENT_SUMS.map((sum) => `p.${sum}`).join(', ')}
       FROM payment_groups t ${WITH_CONTRACT} JOIN payment_totals p ON p.group_id = t.group_id
       ORDER BY c.chain_id, p.block_number, c.address, t.office, t.category, t.period, t.currency`,
    )
    yield* lines(
      snapshot,
      'heads',
      `SELECT c.chain_id, c.address, t.author, t.head, t.entry_count FROM heads t ${WITH_CONTRACT}
       WHERE t.block_number = (SELECT max(block_number) FROM heads n WHERE n.contract_id = t.contract_id AND n.author = t.author)
       ORDER BY c.chain_id, c.address, t.author`,
    )
    yield* lines(
      snapshot,
      'incomplete',
      `SELECT c.chain_id, c.address, t.author FROM incomplete t ${WITH_CONTRACT} ORDER BY c.chain_id, c.address, t.author`,
    )
    yield* lines(
      snapshot,
      'checkpoint',
      'SELECT chain_id, genesis_hash, checkpoint_number, checkpoint_hash FROM chains ORDER BY chain_id',
    )
  } finally {
    await snapshot.close()
  }
}

async function* lines(snapshot: SqlSnapshot, name: string, sql: string): AsyncGenerator<string> {
  for await (const row of snapshot.iterate(sql)) yield lineOf(name, row)
}

function lineOf(name: string, row: Columns): string {
  let line = name
  for (const value of row)
    line += ` ${value instanceof Uint8Array ? bytesToHex(value) : value === null ? 'null' : JSON.stringify(value)}`
  return line
}
