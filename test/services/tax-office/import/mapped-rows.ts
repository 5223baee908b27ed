import { readFileSync } from 'node:fs'
import { type PaymentMapping, parseMapping } from '../../../../services/tax-office/import/parse-mapping.ts'
import {
  type ImportedRow,
  type PaymentDraft,
  type ReadOptions,
  readPayments,
} from '../../../../services/tax-office/import/read-payments.ts'

/** A small mapping of the columns `id,paid,amount`; `changes` replace members. */
export const mappingOf = (changes: Record<string, unknown> = {}): PaymentMapping =>
  parseMapping({
    visibility: { constant: 'sealed' },
    orderId: { template: '{id}' },
    amount: { column: 'amount', decimal: '.', signs: ['minus'], negative: 'refund' },
    currency: { constant: 'GBP' },
    paidAt: { column: 'paid', formats: ['yyyy-MM-dd'] },
    category: { constant: 'tax' },
    authority: { constant: 'Revenue' },
    ...changes,
  })

export async function* bytesOf(...pieces: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece
}

export const readRows = (
  file: string | Uint8Array,
  mapping: PaymentMapping = mappingOf(),
  options: ReadOptions = {},
): Promise<ImportedRow[]> => Array.fromAsync(readPayments(bytesOf(file), mapping, options))

/** What became of a row, in short: its order id, or the codes of its refusals. */
export const outcome = (row: ImportedRow): string =>
  'record' in row
    ? row.record.orderId
    : 'refusals' in row
      ? row.refusals.map(({ code }) => code).join(' ')
      : 'skipped' in row
        ? `skipped: ${row.skipped}`
        : `duplicate of ${row.duplicateOf}`

export const outcomes = (rows: readonly ImportedRow[]): [number, string][] =>
  rows.map((row) => [row.line, outcome(row)])

/** The record of the only row below a heading. */
export async function onlyRecord(file: string, mapping: PaymentMapping): Promise<PaymentDraft> {
  const [row, ...others] = await readRows(file, mapping)
  if (row === undefined || others.length > 0 || !('record' in row))
    throw new Error(`not one record: ${JSON.stringify([row, ...others])}`)
  return row.record
}

export const sampleMapping = (file: string): PaymentMapping =>
  parseMapping(
    JSON.parse(readFileSync(new URL(`../../../../sample/payments/${file}`, import.meta.url), 'utf8')),
  )
