import { wholeCell } from './cell-pattern.ts'
import type { CellOf } from './cell-source.ts'
import type { RowCondition } from './mapping-schema.ts'
import { cellText } from './source-row.ts'

/** Whether a row meets a condition of the mapping. */
export function rowCondition(
  { column, empty, equals, pattern }: RowCondition,
  cellOf: (column: string) => CellOf,
): (cells: readonly string[]) => boolean {
  const cell = cellOf(column)
  if (empty === true) return (cells) => cell(cells) === ''
  if (equals !== undefined) {
    const texts = new Set(equals.map(cellText))
    return (cells) => texts.has(cell(cells))
  }
  const test = wholeCell(pattern!)
  return (cells) => test.test(cell(cells))
}
