import type { PaymentKind } from '../../../protocol/payments/payment-record.ts'
import type { ImportedRow } from './imported-row.ts'

/** What became of the rows of a file, in numbers. */
export interface ImportTally {
  rows: number
  records: number
  refused: number
  duplicates: number
  skipped: number
  recordsByKind: Partial<Record<PaymentKind, number>>
  /** A row may be refused for several things. */
  refusalsByCode: Record<string, number>
  skippedByReason: Record<string, number>
  /** Sums in minor units, by currency and kind. */
  amountsMinor: Record<string, Partial<Record<PaymentKind, bigint>>>
}

export const emptyTally = (): ImportTally => ({
  rows: 0,
  records: 0,
  refused: 0,
  duplicates: 0,
  skipped: 0,
  recordsByKind: {},
  refusalsByCode: {},
  skippedByReason: {},
  amountsMinor: {},
})

/** Counts a row in. */
export function addToTally(tally: ImportTally, row: ImportedRow): void {
  tally.rows++
  if ('record' in row) {
    const { kind, currency, amountMinor } = row.record
    tally.records++
    increment(tally.recordsByKind, kind)
    tally.amountsMinor[currency] ??= {}
    const sums = tally.amountsMinor[currency]
    sums[kind] = (sums[kind] ?? 0n) + BigInt(amountMinor)
  } else if ('refusals' in row) {
    tally.refused++
    for (const { code } of row.refusals) increment(tally.refusalsByCode, code)
  } else if ('skipped' in row) {
    tally.skipped++
    increment(tally.skippedByReason, row.skipped)
  } else tally.duplicates++
}

function increment(counts: Partial<Record<string, number>>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
