import type { Json } from '../../../protocol/canonical-json.ts'
import type { Serial } from '../../../protocol/serial.ts'
import { cellValue, passesTest, sumOfCells } from './column-value.ts'
import {
  type AnswerRule,
  type BookDeclaration,
  columnTypeOf,
  type ParameterFilter,
  summedColumns,
  tableOf,
} from './declaration.ts'

/** A row of a book: by column, its text as it stood in the file. */
export type BookRow = Record<string, string>
/** All rows about a subject, by table, in the order of the file. */
export type SourceRows = Record<string, BookRow[]>

export interface Query {
  serial: Serial
  type: string
  subject: string
  parameters: Record<string, string | number | boolean>
}

export type Result = { serial: Serial; type: string; found: boolean } & { [member: string]: Json }

/**
 * Makes the answer to a query of the rows kept about its subject. Depends on nothing else, so that it gives the same answer whenever
 * it is asked again. Without a matching row in any table the answer is `found: false`, and no more.
 */
export function deriveAnswer(declaration: BookDeclaration, query: Query, sourceRows: SourceRows): Result {
  const matching = matchingRows(declaration, query, sourceRows)
  const found = Object.values(matching).some((rows) => rows.length > 0)
  const result: Result = { serial: query.serial, type: query.type, found }
  if (!found) return result
  for (const [member, rule] of Object.entries(declaration.answer))
    result[member] = applyRule(declaration, rule, matching)
  return result
}

function matchingRows(declaration: BookDeclaration, query: Query, sourceRows: SourceRows): SourceRows {
  const { tables, parameters = {} } = declaration
  return Object.fromEntries(
    Object.entries(tables).map(([table, { subject }]) => [
      table,
      (sourceRows[table] ?? []).filter(
        (row) =>
          row[subject] === query.subject &&
          Object.entries(query.parameters).every(([name, value]) =>
            passesFilter(declaration, table, parameters[name]?.[table], row, String(value)),
          ),
      ),
    ]),
  )
}

/** A table that a parameter says nothing about is not narrowed by it. */
function passesFilter(
  declaration: BookDeclaration,
  table: string,
  filter: ParameterFilter | undefined,
  row: BookRow,
  value: string,
): boolean {
  if (filter === undefined) return true
  if ('equals' in filter) return String(filter.equals) === value
  const text = row[filter.column] ?? ''
  if (filter.part === 'year') return text.slice(0, 4) === value
  const type = columnTypeOf(declaration, table, filter.column)
  return passesTest(text, type, { column: filter.column, is: '=', value })
}

function applyRule(declaration: BookDeclaration, rule: AnswerRule, matching: SourceRows): Json {
  if ('constant' in rule) return rule.constant
  const table = tableOf(declaration, rule)
  const typeOf = (column: string) => columnTypeOf(declaration, table, column)
  const rows = matching[table]!.filter((row) =>
    (rule.where ?? []).every((test) => passesTest(row[test.column] ?? '', typeOf(test.column), test)),
  )
  if ('count' in rule) return rows.length
  if ('any' in rule)
    return rows.some((row) => passesTest(row[rule.any.column] ?? '', typeOf(rule.any.column), rule.any))
  if ('sum' in rule) {
    const columns = summedColumns(rule.sum)
    const areIntegers = columns.every((column) => typeOf(column) === 'integer')
    return sumOfCells(
      rows.flatMap((row) => columns.map((column) => row[column] ?? '')),
      areIntegers ? 'integer' : 'decimal',
    )
  }
  const column = 'first' in rule ? rule.first : rule.last
  const row = 'first' in rule ? rows[0] : rows.at(-1)
  return cellValue(row?.[column] ?? '', typeOf(column))
}
