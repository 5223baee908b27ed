import { isCountersignError } from '../../../protocol/errors.ts'
import { checkPaymentRecord, type PaymentKind } from '../../../protocol/payments/payment-record.ts'
import { amountReader, type ReadAmount } from './amount-reader.ts'
import { wholeCell } from './cell-pattern.ts'
import { type CellOf, memberReader } from './cell-source.ts'
import { followsReader } from './follows-reader.ts'
import { type ImportedRow, type PaymentDraft, type Refusal, refusal } from './imported-row.ts'
import { mappedColumns } from './mapped-columns.ts'
import type { PaymentMapping } from './mapping-schema.ts'
import { orderIdReader } from './order-id-reader.ts'
import { countsRows } from './order-id-template.ts'
import { paidAtReader } from './paid-at-reader.ts'
import { periodOfDay } from './period-of-day.ts'
import { rowCondition } from './row-condition.ts'

/** Applies a mapping to rows, whose cells are those of `mappedColumns` in that order. Give it the rows of one file, in the file's order. */
export function draftReader(
  mapping: PaymentMapping,
  maxOrders: number,
): (line: number, cells: readonly string[]) => ImportedRow {
  const columns = mappedColumns(mapping)
  const cellOf = (column: string): CellOf => {
    const at = columns.indexOf(column)
    return (cells) => cells[at]!
  }
  const skips = (mapping.skip ?? []).map((rule) => ({
    reason: rule.reason,
    isMet: rowCondition(rule, cellOf),
  }))
  const visibilityOf = memberReader('visibility', mapping.visibility, cellOf)
  const kindOf = memberReader('kind', mapping.kind ?? { constant: 'payment' }, cellOf)
  const followsOf = followsReader(mapping.follows ?? {}, cellOf)
  const currencyOf = memberReader('currency', mapping.currency, cellOf)
  const categoryOf = memberReader('category', mapping.category, cellOf)
  const authorityOf = memberReader('authority', mapping.authority, cellOf)
  const { fromPaidAt, ...periodSource } = mapping.period ?? { constant: '' }
  const statedPeriodOf = memberReader('period', periodSource, cellOf)
  const paidAtOf = paidAtReader(mapping.paidAt, cellOf)
  const amountCell = cellOf(mapping.amount.column)
  const amountOf = amountReader(mapping.amount)
  const payerTagOf = payerTagReader(mapping.payerTag, cellOf)
  const fieldsOf = fieldsReader(mapping.fields ?? {}, cellOf)
  const orderIdOf = orderIdReader(mapping.orderId, cellOf, maxOrders)
  const isCounting = countsRows(mapping.orderId)

  return (line, cells) => {
    const skipped = skips.find(({ isMet }) => isMet(cells))
    if (skipped !== undefined) return { line, skipped: skipped.reason }
    const refusals: Refusal[] = []
    const currency = currencyOf(cells, refusals)
    const amount = currency === undefined ? undefined : amountOf(amountCell(cells), currency, refusals)
    const date = paidAtOf(cells, refusals)
    const period =
      fromPaidAt === undefined ? statedPeriodOf(cells, refusals) : date && periodOfDay(date.day, fromPaidAt)
    const stated = kindOf(cells, refusals) as PaymentKind | undefined
    const follows = followsOf(cells, refusals)
    const category = categoryOf(cells, refusals)
    const authority = authorityOf(cells, refusals)
    const visibility = visibilityOf(cells, refusals)
    const payerTag = payerTagOf(cells, refusals)
    const fields = fieldsOf(cells)
    const orderId = orderIdOf(
      cells,
      {
        ...(date && { paidAt: date.paidAt }),
        ...(amount && { amountMinor: amount.amountMinor }),
        ...(period !== undefined && { period }),
        ...(category !== undefined && { category }),
        ...(currency !== undefined && { currency }),
      },
      refusals,
    )
    const kind = amount && stated && kindOfAmount(stated, amount, mapping, refusals)
    if (refusals.length > 0)
      return orderId === undefined && isCounting ? { line, refusals, isUncounted: true } : { line, refusals }
    return checkDraft(line, {
      orderId: orderId!,
      ...(follows !== undefined && { follows }),
      kind: kind!,
      category: category!,
      period: period!,
      amountMinor: amount!.amountMinor,
      currency: currency!,
      paidAt: date!.paidAt,
      authority: authority!,
      ...(payerTag !== undefined && { payerTag }),
      ...(fields !== undefined && { fields }),
      visibility: visibility as PaymentDraft['visibility'],
    })
  }
}

/** A negative payment is a refund where the mapping says so. */
function kindOfAmount(
  stated: PaymentKind,
  { isNegative }: ReadAmount,
  { amount: { column, negative } }: PaymentMapping,
  refusals: Refusal[],
): PaymentKind | undefined {
  if (!isNegative) return stated
  if (negative === 'refund' && (stated === 'payment' || stated === 'refund')) return 'refund'
  refusals.push(refusal('AMOUNT_NEGATIVE', 'the amount is negative', column))
  return undefined
}

function payerTagReader(
  rule: PaymentMapping['payerTag'],
  cellOf: (column: string) => CellOf,
): (cells: readonly string[], refusals: Refusal[]) => string | undefined {
  if (rule === undefined) return () => undefined
  const cell = cellOf(rule.column)
  const test = rule.pattern === undefined ? undefined : wholeCell(rule.pattern)
  return (cells, refusals) => {
    const text = cell(cells)
    if (text === '') return undefined
    if (test?.test(text) === false)
      refusals.push(refusal('VALUE_UNEXPECTED', 'payerTag does not match its pattern', rule.column))
    return text
  }
}

function fieldsReader(
  columnOfField: Record<string, string>,
  cellOf: (column: string) => CellOf,
): (cells: readonly string[]) => PaymentDraft['fields'] | undefined {
  const fields = Object.entries(columnOfField).map(([name, column]) => ({ name, cell: cellOf(column) }))
  return (cells) => {
    const present = fields
      .map(({ name, cell }): [string, string] => [name, cell(cells)])
      .filter(([, text]) => text !== '')
    return present.length === 0 ? undefined : Object.fromEntries(present)
  }
}

/** What the protocol asks of a record. */
function checkDraft(line: number, { visibility, follows, ...draft }: PaymentDraft): ImportedRow {
  if (visibility === 'public' && draft.payerTag !== undefined)
    return { line, refusals: [refusal('RECORD_INVALID', 'payerTag is for sealed records')] }
  try {
    const { version: _version, ...record } = checkPaymentRecord({ ...draft, version: (follows ?? 0) + 1 })
    return { line, record: { ...record, ...(follows !== undefined && { follows }), visibility } }
  } catch (error) {
    if (!isCountersignError(error, 'PAYMENT_INVALID')) throw error
    const code = error.details.member === 'orderId' ? 'ORDER_ID_INVALID' : 'RECORD_INVALID'
    return { line, refusals: [refusal(code, error.message)] }
  }
}
