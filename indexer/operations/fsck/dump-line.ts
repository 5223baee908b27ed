import { TABLES } from '../../store/tables.ts'

/** A line of a store's dump that stands for a row of an event: `<table> <chain> <block> <log index> <entry index> <contract> …`. */
export interface DumpedRow {
  line: string
  table: string
  chainId: number
  blockNumber: number
  logIndex: number
  entryIndex: number
  /** Address in lower-case hex, as are all bytes. */
  contract: string
}

/** In the order of a dump. Totals of payments stand at their block, in the order of their groups. */
export const ROW_TABLES: readonly string[] = [...Object.keys(TABLES), 'payment_totals']

/** Undefined for lines of other kinds: heads, checkpoints. */
export function parseRow(line: string): DumpedRow | undefined {
  const [table, chainId, blockNumber, logIndex, entryIndex, contract] = line.split(' ', 6)
  if (table === undefined || !ROW_TABLES.includes(table)) return undefined
  return {
    line,
    table,
    chainId: Number(chainId),
    blockNumber: Number(blockNumber),
    logIndex: Number(logIndex),
    entryIndex: Number(entryIndex),
    contract: contract!,
  }
}

/** As dumps are ordered. */
export const compareRows = (a: DumpedRow, b: DumpedRow): number =>
  ROW_TABLES.indexOf(a.table) - ROW_TABLES.indexOf(b.table) ||
  a.chainId - b.chainId ||
  a.blockNumber - b.blockNumber ||
  a.logIndex - b.logIndex ||
  a.entryIndex - b.entryIndex ||
  compareGroups(a, b)

/** Totals have a line for each group: contract, office, category, period and currency. */
function compareGroups(a: DumpedRow, b: DumpedRow): number {
  if (a.table !== 'payment_totals') return 0
  const [ofA, ofB] = [groupOf(a), groupOf(b)]
  return ofA === ofB ? 0 : ofA < ofB ? -1 : 1
}

// Categories, periods and currencies are ASCII without blanks; the quote at their end sorts before all of it.
const groupOf = ({ line }: DumpedRow): string => line.split(' ', 10).slice(5).join(' ')

export const nameOf = (row: DumpedRow): string =>
  row.table === 'payment_totals'
    ? `chain ${row.chainId}, block ${row.blockNumber}, group ${groupOf(row)}`
    : `chain ${row.chainId}, block ${row.blockNumber}, log ${row.logIndex}, entry ${row.entryIndex}`
