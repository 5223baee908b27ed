import { wholeCell } from './cell-pattern.ts'
import { type Refusal, refusal } from './imported-row.ts'
import type { CellSource } from './mapping-schema.ts'
import { faultOfMember, type SourcedMember } from './member-fault.ts'
import { cellText } from './source-row.ts'

/** The cell of a column in the row at hand. */
export type CellOf = (cells: readonly string[]) => string
/** Gives a member's text, or adds to `refusals` why there is none. */
export type MemberReader = (cells: readonly string[], refusals: Refusal[]) => string | undefined

/** @param cellOf finds a column in a row */
export function memberReader(
  member: SourcedMember,
  { constant, column, pattern, values, otherwise }: CellSource,
  cellOf: (column: string) => CellOf,
): MemberReader {
  if (column === undefined) return () => constant
  const cell = cellOf(column)
  const test = pattern === undefined ? undefined : wholeCell(pattern)
  const table =
    values === undefined
      ? undefined
      : new Map(Object.entries(values).map(([text, value]) => [cellText(text), value]))
  return (cells, refusals) => {
    const text = cell(cells)
    const refuse = (fault: Refusal): undefined => {
      refusals.push(fault)
    }
    if (test?.test(text) === false)
      return refuse(refusal('VALUE_UNEXPECTED', `${member} does not match its pattern`, column))
    if (table !== undefined) {
      const value = table.get(text) ?? otherwise
      return value ?? refuse(refusal('VALUE_UNKNOWN', `${member} has no value for this cell`, column))
    }
    if (text === '') return refuse(refusal('VALUE_EMPTY', `${member} is empty`, column))
    const fault = faultOfMember(member, text)
    return fault === undefined ? text : refuse(refusal('VALUE_UNEXPECTED', `${member} ${fault}`, column))
  }
}
