import { Big } from 'big.js'
import type { Json } from '../../../protocol/canonical-json.ts'
import type { ColumnType, RowTest } from './declaration.ts'

const INTEGER = /^-?\d{1,16}$/
const DECIMAL = /^-?\d{1,40}(\.\d{1,20})?$/
const DATE = /^\d{4}-\d{2}-\d{2}$/

/** Why a cell is none of its column's type; undefined when it is, or is empty. The cell itself is not told: it may be personal. */
export function faultOfCell(text: string, type: ColumnType): string | undefined {
  if (text === '') return undefined
  switch (type) {
    case 'text':
      return text.includes('\u{fffd}') ? 'is not UTF-8' : undefined
    case 'integer':
      return INTEGER.test(text) && Number.isSafeInteger(Number(text))
        ? undefined
        : 'is not an integer below 2^53'
    case 'decimal':
      return DECIMAL.test(text) ? undefined : 'is not a decimal number'
    case 'date':
      return isDate(text) ? undefined : 'is not a date like 2024-12-31'
  }
}

/** The cell as an answer gives it: integers as numbers, decimals as strings in their shortest form, no value as null. */
export function cellValue(text: string, type: ColumnType): Json {
  if (text === '') return null
  if (type === 'integer') return Number(text)
  return type === 'decimal' ? decimalText(new Big(text)) : text
}

/** Exact sum of cells; empty ones count nothing. A number when all are integers, else a decimal string. */
export function sumOfCells(cells: readonly string[], type: 'integer' | 'decimal'): Json {
  const sum = cells.reduce((total, cell) => (cell === '' ? total : total.plus(cell)), new Big(0))
  return type === 'integer' ? sum.toNumber() : decimalText(sum)
}

/** An empty cell passes no test. */
export function passesTest(text: string, type: ColumnType, { is, value }: RowTest): boolean {
  if (text === '') return false
  const isNumber = type === 'integer' || type === 'decimal'
  const order = isNumber ? new Big(text).cmp(value) : text < value ? -1 : text > value ? 1 : 0
  switch (is) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    default:
      return order >= 0
  }
}

/** Without exponent and needless zeros, so that 38556.0 and 38556 give the same answer; zero has no sign. */
const decimalText = (value: Big): string => (value.eq(0) ? '0' : value.toFixed())

function isDate(text: string): boolean {
  if (!DATE.test(text)) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}
