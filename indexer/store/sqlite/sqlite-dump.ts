import type { DatabaseSync } from 'node:sqlite'
import { TABLES } from '../tables.ts'

/** Numbers of contracts differ between stores of one chain; their addresses do not. */
const CONTRACT =
  "(SELECT c.chain_id || ':' || hex(c.address) FROM contracts c WHERE c.contract_id = t.contract_id)"

/** One line a row, in chain order, binary values as hexadecimal text. Orphans are history, not a consequence of the chain. */
export function* dumpDatabase(db: DatabaseSync): Generator<string> {
  for (const { name, columns } of Object.values(TABLES)) {
    const shown = columns.map((column) => (column === 'contract_id' ? CONTRACT : `quote(t.${column})`))
    yield* lines(
      db,
      name,
      `SELECT ${shown.join(', ')}, hex(b.hash), b.time FROM ${name} t
       LEFT JOIN blocks b ON b.chain_id = t.chain_id AND b.number = t.block_number
       ORDER BY t.chain_id, t.block_number, t.log_index, t.entry_index`,
    )
  }
  yield* lines(
    db,
    'heads',
    `SELECT ${CONTRACT} AS contract, hex(t.author), hex(t.head), t.entry_count FROM heads t
     WHERE t.block_number = (SELECT max(block_number) FROM heads n WHERE n.contract_id = t.contract_id AND n.author = t.author)
     ORDER BY contract, t.author`,
  )
  yield* lines(db, 'incomplete', `SELECT ${CONTRACT}, hex(author) FROM incomplete t ORDER BY 1, 2`)
  yield* lines(
    db,
    'checkpoint',
    'SELECT chain_id, hex(genesis_hash), checkpoint_number, hex(checkpoint_hash) FROM chains ORDER BY chain_id',
  )
}

function* lines(db: DatabaseSync, name: string, sql: string): Generator<string> {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  for (const row of statement.iterate()) yield `${name} ${(row as unknown as unknown[]).join(' ')}`
}
