import { type Refusal, refusal } from './imported-row.ts'

/** A row before the mapping is applied: the mapped columns' cells in their order, without blanks around them, in normal form C. */
export type SourceRow = { line: number; cells: string[] } | { line: number; refusals: Refusal[] }

const MAX_CELL_LENGTH = 1024
const NOT_ASCII = /[^\0-\x7f]/

/** Text of a cell, a heading or a mapping in the one form that they are compared in. */
export function cellText(text: string): string {
  const trimmed = text.trim()
  return NOT_ASCII.test(trimmed) ? trimmed.normalize('NFC') : trimmed
}

export const rowRefused = (line: number, ...refusals: Refusal[]): SourceRow => ({ line, refusals })

/** Takes the cells of mapped columns as a row's; long ones are refused. @param columns their names, in the order of `cells` */
export function sourceRow(line: number, cells: readonly string[], columns: readonly string[]): SourceRow {
  const refusals: Refusal[] = []
  const taken = cells.map((cell, i) => {
    if (cell.length > MAX_CELL_LENGTH)
      refusals.push(
        refusal('CELL_TOO_LONG', `the cell has more than ${MAX_CELL_LENGTH} characters`, columns[i]),
      )
    return cellText(cell)
  })
  return refusals.length > 0 ? { line, refusals } : { line, cells: taken }
}

/** What is wrong with a line or the text of a row before its cells are looked at. */
export function faultOfRowText(text: string, isTooLong = false): Refusal | undefined {
  if (isTooLong) return refusal('ROW_TOO_LONG', 'the row is too long')
  if (text.includes('\u{fffd}'))
    return refusal(
      'ROW_NOT_UTF8',
      'the row has bytes that are not UTF-8, or signs that such bytes were turned into',
    )
  return undefined
}
