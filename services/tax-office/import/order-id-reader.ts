import { wholeCell } from './cell-pattern.ts'
import type { CellOf } from './cell-source.ts'
import { FingerprintTable } from './fingerprint-table.ts'
import { type PaymentDraft, type Refusal, refusal } from './imported-row.ts'
import type { OrderIdRule } from './mapping-schema.ts'
import { type DerivedPart, type TemplatePart, templateParts } from './order-id-template.ts'

/** Members that were read; those missing were refused already. */
type ReadMembers = Partial<Pick<PaymentDraft, DerivedPart>>

/**
 * Makes order ids by the template. Every row that has the parts of an id counts for `{line}`, also one that is refused for something else:
 * so the other rows keep their ids when it is corrected and the file read again. One that lacks a part cannot count.
 */
export function orderIdReader(
  { template, patterns = {}, lineWithin = [] }: OrderIdRule,
  cellOf: (column: string) => CellOf,
  maxOrders: number,
): (cells: readonly string[], members: ReadMembers, refusals: Refusal[]) => string | undefined {
  const parts = templateParts(template)
  const readers = parts.map((part) => partReader(part, patterns, cellOf))
  const within = lineWithin.map(cellOf)
  const lineAt = parts.findIndex((part) => 'line' in part)
  const lines = new FingerprintTable(1, maxOrders)

  return (cells, members, refusals) => {
    const texts = readers.map((read) => read(cells, members, refusals))
    if (!texts.every((text) => text !== undefined)) return undefined
    if (lineAt !== -1) {
      const count = lines.numbersOf(JSON.stringify([...texts, ...within.map((cell) => cell(cells))]))
      if (count === undefined) {
        refusals.push(tooManyOrders(maxOrders))
        return undefined
      }
      count[0]!++
      texts[lineAt] = String(count[0])
    }
    return texts.join('').normalize('NFC')
  }
}

export const tooManyOrders = (maxOrders: number): Refusal =>
  refusal('ORDERS_TOO_MANY', `the file has more than ${maxOrders} orders; divide it`)

function partReader(
  part: TemplatePart,
  patterns: Record<string, string>,
  cellOf: (column: string) => CellOf,
): (cells: readonly string[], members: ReadMembers, refusals: Refusal[]) => string | undefined {
  if ('text' in part) return () => part.text
  if ('line' in part) return () => ''
  if ('derived' in part)
    return (_cells, members) => {
      const value = members[part.derived]
      return value === undefined ? undefined : String(value)
    }
  const { column } = part
  const cell = cellOf(column)
  const pattern = Object.hasOwn(patterns, column) ? wholeCell(patterns[column]!) : undefined
  return (cells, _members, refusals) => {
    const text = cell(cells)
    if (text === '') refusals.push(refusal('ORDER_ID_PART_EMPTY', 'a part of the order id is empty', column))
    else if (pattern?.test(text) === false)
      refusals.push(
        refusal('ORDER_ID_PART_DAMAGED', 'a part of the order id does not match its pattern', column),
      )
    else return text
    return undefined
  }
}
