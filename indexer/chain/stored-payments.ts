import { isVersion, paymentEntry } from '../../protocol/payments/payment-entry.ts'
import { contentOf } from '../projections/payment-record-registry.ts'
import type { PaymentRow } from '../store/payment-store.ts'
import type { RecordRow, Store } from '../store/store.ts'
import { RECORD_TIERS, TABLES, type Value, VISIBILITIES } from '../store/tables.ts'
import type { BesideKind } from './stored-beside.ts'

/** Beside every record of a registry of payments there is one. */
export const STORED_PAYMENTS: BesideKind<PaymentRow, Pick<Store, 'listPayments'>> = {
  async read(store, { chainId, author, to }, after, limit) {
    return (await store.listPayments({ chainId, after, toBlock: to, office: author, limit })).rows
  },
  isOf: (row, { contractId }) => row.contractId === contractId,
  contentOf: (row) =>
    contentText([
      ...[row.orderKey, row.version, row.digest, row.payload, row.tier, row.visibility, row.kind],
      ...[row.category, row.period, row.currency, row.amountMinor, row.paidAt, row.authority],
      row.transactionHash,
    ]),
  isRight,
  nothing: () => ({ content: 'no payment', isRight: false }),
  contentOfDraft,
}

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

function contentOfDraft(row: readonly Value[]): string {
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
