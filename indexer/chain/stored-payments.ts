import { setImmediate } from 'node:timers/promises'
import { isVersion, paymentEntry } from '../../protocol/payments/payment-entry.ts'
import { contentOf } from '../projections/payment-record-registry.ts'
import type { PaymentRow } from '../store/payment-store.ts'
import type { RecordRow, Store } from '../store/store.ts'
import { RECORD_TIERS, TABLES, type Value, VISIBILITIES } from '../store/tables.ts'

type PaymentStore = Pick<Store, 'listPayments'>
type Place = Pick<PaymentRow, 'blockNumber' | 'logIndex' | 'entryIndex'>

interface Stretch {
  chainId: number
  contractId: number
  office: Uint8Array
  /** In the blocks after this one, … */
  after: number
  /** … up to this one. */
  to: number
}

/** What is beside a record. */
export interface Beside {
  /** Everything of it, as text to compare. */
  content: string
  /** It is there, and says what its record vouches for. */
  isRight: boolean
}

const PAGE = 500
const NOTHING: Beside = { content: 'no payment', isRight: false }

/** The payments of an office in one registry, in chain order, to be held to its records. */
export class StoredPayments {
  readonly #rows: AsyncGenerator<PaymentRow, undefined>
  #next: Promise<IteratorResult<PaymentRow, undefined>> | undefined

  constructor(store: PaymentStore, stretch: Stretch) {
    this.#rows = rowsOf(store, stretch)
  }

  /** Those before a place, or all that are left: there is no record beside them. */
  async *strays(place?: Place): AsyncGenerator<PaymentRow> {
    for (;;) {
      const row = await this.#peek()
      if (row === undefined || (place !== undefined && comparePlaces(row, place) >= 0)) return
      this.#next = undefined
      yield row
    }
  }

  /** @param record after those asked for before, and their strays */
  async beside(record: RecordRow): Promise<Beside> {
    const row = await this.#peek()
    if (row === undefined || comparePlaces(row, record) !== 0) return NOTHING
    this.#next = undefined
    return { content: contentOfRow(row), isRight: isRight(row, record) }
  }

  async #peek(): Promise<PaymentRow | undefined> {
    this.#next ??= this.#rows.next()
    return (await this.#next).value
  }
}

async function* rowsOf(
  store: PaymentStore,
  { chainId, contractId, office, after, to }: Stretch,
): AsyncGenerator<PaymentRow, undefined> {
  let from = { blockNumber: after + 1, logIndex: -1, entryIndex: -1 }
  for (;;) {
    const { rows } = await store.listPayments({ chainId, after: from, toBlock: to, office, limit: PAGE })
    for (const row of rows) if (row.contractId === contractId) yield row
    if (rows.length < PAGE) return undefined
    from = rows.at(-1)!
    await setImmediate()
  }
}

const comparePlaces = (a: Place, b: Place): number =>
  a.blockNumber - b.blockNumber || a.logIndex - b.logIndex || a.entryIndex - b.entryIndex

function isRight(row: PaymentRow, record: RecordRow): boolean {
  if (!isVersion(row.version)) return false
  const { key, digest } = paymentEntry(row)
  const said = Object.entries(contentOf(row.payload))
  return (
    key === record.key &&
    digest === record.digest &&
    row.tier === record.tier &&
    row.transactionHash === record.transactionHash &&
    said.every(([name, value]) => row[name as keyof PaymentRow] === value)
  )
}

const contentOfRow = (row: PaymentRow): string =>
  contentText([
    ...[row.orderKey, row.version, row.digest, row.payload, row.tier, row.visibility, row.kind, row.category],
    ...[row.period, row.currency, row.amountMinor, row.paidAt, row.authority, row.transactionHash],
  ])

/** The same of a row that is to be written. */
export function contentOfDraft(row: readonly Value[]): string {
  const of = (column: string) => row[TABLES.payments.columns.indexOf(column)]
  const hex = (column: string) => `0x${Buffer.from(of(column) as Uint8Array).toString('hex')}`
  const visibility = of('visibility') as number | null
  return contentText([
    ...[hex('order_key'), of('version'), hex('digest'), hex('payload'), RECORD_TIERS[of('tier') as number]],
    ...[visibility === null ? null : VISIBILITIES[visibility], of('kind'), of('category'), of('period')],
    ...[of('currency'), of('amount_minor'), of('paid_at'), of('authority'), hex('transaction_hash')],
  ])
}

const contentText = (values: readonly unknown[]): string => JSON.stringify(values)
