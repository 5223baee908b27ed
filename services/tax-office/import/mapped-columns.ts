import type { PaymentMapping } from './mapping-schema.ts'
import { templateParts } from './order-id-template.ts'

/** The columns that a mapping reads, each once. */
export function mappedColumns(mapping: PaymentMapping): string[] {
  const { orderId, paidAt, skip = [], fields = {} } = mapping
  const { visibility, kind, follows, currency, period, category, authority, payerTag } = mapping
  const columns = [
    ...templateParts(orderId.template).flatMap((part) => ('column' in part ? [part.column] : [])),
    ...(orderId.lineWithin ?? []),
    mapping.amount.column,
    paidAt.column,
    ...(paidAt.cases ?? []).map(({ column }) => column),
    ...[visibility, kind, follows, currency, period, category, authority, payerTag].map(
      (source) => source?.column,
    ),
    ...Object.values(fields),
    ...skip.map(({ column }) => column),
  ]
  return [...new Set(columns.filter((column) => column !== undefined))]
}
