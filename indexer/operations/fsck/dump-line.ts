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

/** In the order of a dump. */
export const ROW_TABLES: readonly string[] = Object.keys(TABLES)

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
  a.entryIndex - b.entryIndex

export const nameOf = ({ chainId, blockNumber, logIndex, entryIndex }: DumpedRow): string =>
  `chain ${chainId}, block ${blockNumber}, log ${logIndex}, entry ${entryIndex}`
