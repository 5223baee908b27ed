import { type Bytes32, bytesToHex, type Hex } from '../../../protocol/hex.ts'
import { isVersion, paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import { contentOf } from '../../projections/payment-record-registry.ts'
import type { StoreReader } from '../../store/store.ts'
import { VISIBILITIES } from '../../store/tables.ts'
import { type DumpedRow, nameOf } from './dump-line.ts'
import type { Findings } from './findings.ts'

/** The rows of one table, one at a time. */
export interface RowsInOrder {
  readonly row: DumpedRow | undefined
  next(): Promise<void>
}

const KIND = 'PaymentRecordRegistry'
/** Of a dumped payment: before its decoded columns come table, position, contract, office, order key, version, digest, payload, tier. */
const FIELDS_BEFORE_CONTENT = 12

/** Holds each payment to the record at its place, which heads vouch for: where it comes from, its digests, and what its payload decodes to. */
export class PaymentCheck {
  readonly #payments: RowsInOrder
  readonly #findings: Findings
  readonly #registries: ReadonlySet<string>

  constructor(payments: RowsInOrder, findings: Findings, registries: ReadonlySet<string>) {
    this.#payments = payments
    this.#findings = findings
    this.#registries = registries
  }

  /** @param record in chain order */
  async addRecord(record: DumpedRow): Promise<void> {
    while (this.#payments.row !== undefined && comparePlaces(this.#payments.row, record) < 0)
      await this.#surplus(this.#payments.row)
    const payment = this.#payments.row
    if (payment !== undefined && comparePlaces(payment, record) === 0) {
      const reason = faultOf(payment, record)
      if (reason !== undefined) this.#fault(payment, reason)
      await this.#payments.next()
    } else if (this.#registries.has(`${record.chainId} ${record.contract}`))
      this.#fault(record, 'it is of a registry of payments, and has no payment')
  }

  /** No more records. */
  async end(): Promise<void> {
    while (this.#payments.row !== undefined) await this.#surplus(this.#payments.row)
  }

  async #surplus(payment: DumpedRow): Promise<void> {
    this.#fault(payment, 'there is no record at its place')
    await this.#payments.next()
  }

  #fault(row: DumpedRow, reason: string): void {
    this.#findings.add({ kind: 'inconsistent', table: row.table, row: nameOf(row), stored: row.line, reason })
  }
}

/** Chain and address of each registry of payments. */
export async function paymentRegistries(store: StoreReader): Promise<Set<string>> {
  const registries = new Set<string>()
  for (const { chainId } of await store.listChains())
    for (const { kind, address } of await store.listContracts(chainId))
      if (kind === KIND) registries.add(`${chainId} ${bytesToHex(address)}`)
  return registries
}

function faultOf(payment: DumpedRow, record: DumpedRow): string | undefined {
  const [office, orderKey, version, digest, payload, tier] = payment.line
    .split(' ', FIELDS_BEFORE_CONTENT)
    .slice(6)
  const [author, key, entryDigest, recordTier] = record.line.split(' ', 10).slice(6)
  if (payment.contract !== record.contract) return 'it is of another registry than its record'
  if (transactionOf(payment) !== transactionOf(record)) return 'it is of another transaction than its record'
  if (office !== author || tier !== recordTier) return 'it is of another office or tier than its record'
  if (!isVersion(Number(version))) return 'its version is none'
  const entry = paymentEntry({
    orderKey: orderKey as Bytes32,
    version: Number(version),
    digest: digest as Bytes32,
    payload: payload as Hex,
  })
  if (entry.key !== key || entry.digest !== entryDigest) return 'its digests are not those of its record'
  const content = contentTextOf(payload as Hex)
  const stored = payment.line.split(' ').slice(FIELDS_BEFORE_CONTENT).join(' ')
  return stored.startsWith(`${content} `) ? undefined : 'its payload says something else'
}

/** Before hash and time of the block. */
const transactionOf = ({ line }: DumpedRow): string | undefined => line.split(' ').at(-3)

/** As a dump has it. */
function contentTextOf(payload: Hex): string {
  const { visibility, ...content } = contentOf(payload)
  return [visibility === null ? null : VISIBILITIES.indexOf(visibility), ...Object.values(content)]
    .map((value) => (value === null ? 'null' : JSON.stringify(value)))
    .join(' ')
}

const comparePlaces = (a: DumpedRow, b: DumpedRow): number =>
  a.chainId - b.chainId ||
  a.blockNumber - b.blockNumber ||
  a.logIndex - b.logIndex ||
  a.entryIndex - b.entryIndex
