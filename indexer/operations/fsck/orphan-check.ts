import { bytesToHex } from '../../../protocol/hex.ts'
import type { StoreReader } from '../../store/store.ts'
import type { TableRows, Value } from '../../store/tables.ts'
import type { Findings } from './findings.ts'

/** Orphans are of chains and contracts that there are, of blocks that were taken back, and left after they came; heads are of contracts that there are. */
export async function checkOrphans(store: StoreReader, findings: Findings): Promise<void> {
  const contracts = new Map<unknown, unknown>()
  for await (const part of store.exportRows()) {
    if (part.table === 'contracts')
      for (const row of part.rows)
        contracts.set(columnOf(part, row, 'contract_id'), columnOf(part, row, 'chain_id'))
    else if (part.table === 'heads')
      for (const row of part.rows)
        if (!contracts.has(columnOf(part, row, 'contract_id')))
          add(findings, part, row, 'its contract is not in the store')
    if (!part.table.startsWith('orphaned_')) continue
    for (const row of part.rows) {
      const fault = await faultOf(store, part, row, contracts)
      if (fault !== undefined) add(findings, part, row, fault)
    }
  }
}

async function faultOf(
  store: StoreReader,
  part: TableRows,
  row: readonly Value[],
  contracts: ReadonlyMap<unknown, unknown>,
): Promise<string | undefined> {
  const of = (column: string) => columnOf(part, row, column)
  const chainId = Number(of('chain_id'))
  if (contracts.get(of('contract_id')) !== of('chain_id')) return 'its contract is not in the store'
  if (Number(of('orphaned_version')) < Number(of('added_version'))) return 'it left before it came'
  if (of('reason') !== 'reorganised') return undefined
  const block = await store.findBlock(chainId, Number(of('block_number')))
  const isBack = block !== undefined && Buffer.compare(block.hash, of('block_hash') as Uint8Array) === 0
  // A chain may come back to a block it left; then the row is in both places.
  return isBack && !(await isCanonicalToo(store, part, row))
    ? "its block is the chain's, and the row is not"
    : undefined
}

async function isCanonicalToo(store: StoreReader, part: TableRows, row: readonly Value[]): Promise<boolean> {
  if (part.table !== 'orphaned_records') return true
  const of = (column: string) => columnOf(part, row, column)
  const records = await store.findRecords(of('key') as Uint8Array)
  return records.some(
    ({ chainId, blockNumber, logIndex, entryIndex }) =>
      chainId === Number(of('chain_id')) &&
      blockNumber === Number(of('block_number')) &&
      logIndex === Number(of('log_index')) &&
      entryIndex === Number(of('entry_index')),
  )
}

const columnOf = ({ columns }: TableRows, row: readonly Value[], column: string): Value =>
  row[columns.indexOf(column)] ?? null

function add(findings: Findings, { table, columns }: TableRows, row: readonly Value[], reason: string): void {
  const shown = columns.slice(0, 6).map((column, i) => {
    const value = row[i]
    return `${column} ${value instanceof Uint8Array ? bytesToHex(value as Uint8Array<ArrayBuffer>) : value}`
  })
  findings.add({ kind: 'inconsistent', table, row: shown.join(', '), reason })
}
