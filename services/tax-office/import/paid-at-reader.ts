import type { CellOf } from './cell-source.ts'
import { dateReader, type ReadDate } from './date-reader.ts'
import { type Refusal, refusal } from './imported-row.ts'
import type { PaidAtRule } from './mapping-schema.ts'
import { rowCondition } from './row-condition.ts'

/** The date of a row, by the formats of the first case that it meets, else by the general ones. */
export function paidAtReader(
  rule: PaidAtRule,
  cellOf: (column: string) => CellOf,
): (cells: readonly string[], refusals: Refusal[]) => ReadDate | undefined {
  const { constant, column, formats, cases = [] } = rule
  if (constant !== undefined) return () => ({ paidAt: constant, day: constant })
  const cell = cellOf(column!)
  const general = formats === undefined ? undefined : dateReader(formats, rule)
  const special = cases.map((condition) => ({
    isMet: rowCondition(condition, cellOf),
    read: dateReader(condition.formats, rule),
  }))
  return (cells, refusals) => {
    const read = special.find(({ isMet }) => isMet(cells))?.read ?? general
    if (read !== undefined) return read(cell(cells), refusals)
    refusals.push(refusal('DATE_UNREADABLE', 'the mapping declares no date format for such a row', column))
    return undefined
  }
}
