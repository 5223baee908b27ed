import type { CellOf } from './cell-source.ts'
import { type Refusal, refusal } from './imported-row.ts'
import type { FollowsRule } from './mapping-schema.ts'

const VERSION = /^[1-9]\d{0,9}$/

/** The version that a row comes after; undefined for the first of its order, and where `refusals` got why there is none. */
export function followsReader(
  { constant, column }: FollowsRule,
  cellOf: (column: string) => CellOf,
): (cells: readonly string[], refusals: Refusal[]) => number | undefined {
  if (column === undefined) return () => constant
  const cell = cellOf(column)
  return (cells, refusals) => {
    const text = cell(cells)
    if (text === '') return undefined
    if (VERSION.test(text)) return Number(text)
    refusals.push(refusal('VALUE_UNEXPECTED', 'follows is not the number of a version, from 1', column))
    return undefined
  }
}
