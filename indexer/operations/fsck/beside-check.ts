import { bytesToHex } from '../../../protocol/hex.ts'
import type { StoreReader } from '../../store/store.ts'
import type { BesideTable } from '../../store/tables.ts'
import { type DumpedRow, nameOf } from './dump-line.ts'
import type { Findings } from './findings.ts'

/** The rows of one table, one at a time. */
export interface RowsInOrder {
  readonly row: DumpedRow | undefined
  next(): Promise<void>
}

/** A table whose rows stand beside records, and what the records vouch for. */
export interface CheckedBeside {
  table: BesideTable
  /** Of the registries that have them, in the address book. */
  kind: string
  /** A record of such a registry must have one. */
  isDue(record: DumpedRow): boolean
  /** Said of a record that has none. */
  whenMissing: string
  /** Of a row and the record at its place, which are of one registry and transaction. */
  faultOf(row: DumpedRow, record: DumpedRow): string | undefined
}

/** Holds each row of a table to the record at its place, which heads vouch for. */
export class BesideCheck {
  readonly #rows: RowsInOrder
  readonly #findings: Findings
  readonly #checked: CheckedBeside
  readonly #registries: ReadonlySet<string>

  constructor(
    rows: RowsInOrder,
    findings: Findings,
    checked: CheckedBeside,
    registries: ReadonlySet<string>,
  ) {
    this.#rows = rows
    this.#findings = findings
    this.#checked = checked
    this.#registries = registries
  }

  /** @param record in chain order */
  async addRecord(record: DumpedRow): Promise<void> {
    while (this.#rows.row !== undefined && comparePlaces(this.#rows.row, record) < 0)
      await this.#surplus(this.#rows.row)
    const row = this.#rows.row
    if (row !== undefined && comparePlaces(row, record) === 0) {
      const reason = faultOfPlace(row, record) ?? this.#checked.faultOf(row, record)
      if (reason !== undefined) this.#fault(row, reason)
      await this.#rows.next()
    } else if (this.#registries.has(`${record.chainId} ${record.contract}`) && this.#checked.isDue(record))
      this.#fault(record, this.#checked.whenMissing)
  }

  /** No more records. */
  async end(): Promise<void> {
    while (this.#rows.row !== undefined) await this.#surplus(this.#rows.row)
  }

  async #surplus(row: DumpedRow): Promise<void> {
    this.#fault(row, 'there is no record at its place')
    await this.#rows.next()
  }

  #fault(row: DumpedRow, reason: string): void {
    this.#findings.add({ kind: 'inconsistent', table: row.table, row: nameOf(row), stored: row.line, reason })
  }
}

/** Chain and address of each contract of a kind. */
export async function registriesOf(store: StoreReader, wanted: string): Promise<Set<string>> {
  const registries = new Set<string>()
  for (const { chainId } of await store.listChains())
    for (const { kind, address } of await store.listContracts(chainId))
      if (kind === wanted) registries.add(`${chainId} ${bytesToHex(address)}`)
  return registries
}

function faultOfPlace(row: DumpedRow, record: DumpedRow): string | undefined {
  if (row.contract !== record.contract) return 'it is of another registry than its record'
  if (transactionOf(row) !== transactionOf(record)) return 'it is of another transaction than its record'
  return undefined
}

/** Before hash and time of the block. */
const transactionOf = ({ line }: DumpedRow): string | undefined => line.split(' ').at(-3)

const comparePlaces = (a: DumpedRow, b: DumpedRow): number =>
  a.chainId - b.chainId ||
  a.blockNumber - b.blockNumber ||
  a.logIndex - b.logIndex ||
  a.entryIndex - b.entryIndex
