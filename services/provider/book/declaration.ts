import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { type Static, Type } from 'typebox'
import { CountersignError } from '../../../protocol/errors.ts'

const Name = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,63}$' })
const strict = { additionalProperties: false }

/** What a column's text has to look like; an empty cell is no value, whatever the type. */
const ColumnType = Type.Union([
  Type.Literal('text'),
  Type.Literal('integer'),
  Type.Literal('decimal'),
  Type.Literal('date'),
])

const Table = Type.Object(
  {
    /** CSV file; relative to the declaration if it starts with `./`, else to the data folder. */
    file: Type.String({ minLength: 1 }),
    /** The column that says whom or what a row is about. */
    subject: Type.String({ minLength: 1 }),
    /** The columns that are kept; others are not read. */
    columns: Type.Record(Type.String(), ColumnType),
  },
  strict,
)

const Operator = Type.Union([
  Type.Literal('='),
  Type.Literal('!='),
  Type.Literal('<'),
  Type.Literal('<='),
  Type.Literal('>'),
  Type.Literal('>='),
])
const Test = Type.Object({ column: Type.String(), is: Operator, value: Type.String() }, strict)
/** Rows of which table; needless when there is one table. Only those that pass all the tests, if any. */
const rows = { of: Type.Optional(Type.String()), where: Type.Optional(Type.Array(Test)) }

/** How one member of an answer is made of the rows that match. */
const Rule = Type.Union([
  /** The column's value in the first or last matching row, in the file's order; null when there is none. */
  Type.Object({ first: Type.String(), ...rows }, strict),
  Type.Object({ last: Type.String(), ...rows }, strict),
  /** The exact sum over all matching rows of one column or several: a number for integers, else a decimal string. */
  Type.Object(
    { sum: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })]), ...rows },
    strict,
  ),
  /** How many rows match. */
  Type.Object({ count: Type.Literal('rows'), ...rows }, strict),
  /** Whether a matching row passes the test. */
  Type.Object({ any: Test, ...rows }, strict),
  /** The same for every subject. */
  Type.Object({ constant: Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]) }, strict),
])

/** Which rows a parameter lets through: those with its value in a column, or in a date's year; or all or none, by one value. */
const ParameterFilter = Type.Union([
  Type.Object({ column: Type.String(), part: Type.Optional(Type.Literal('year')) }, strict),
  Type.Object({ equals: Type.Union([Type.String(), Type.Number()]) }, strict),
])

const Declaration = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    /** One of the declared query types, which also says what an answer looks like. */
    queryType: Type.String({ minLength: 1 }),
    tables: Type.Record(Name, Table),
    /** By parameter of the query type, then by table. */
    parameters: Type.Optional(Type.Record(Name, Type.Record(Name, ParameterFilter))),
    /** By member of the answer. */
    answer: Type.Record(Name, Rule),
  },
  strict,
)

export type ColumnType = Static<typeof ColumnType>
export type BookTable = Static<typeof Table>
export type RowTest = Static<typeof Test>
export type AnswerRule = Static<typeof Rule>
export type ParameterFilter = Static<typeof ParameterFilter>
/** How a provider's book is read, and how answers are made of it. */
export type BookDeclaration = Static<typeof Declaration>

const ajv = new Ajv({ allErrors: true, strict: false })
const isDeclaration = ajv.compile<BookDeclaration>(Declaration)

/** @throws BOOK_DECLARATION_INVALID naming the member */
export function readBookDeclaration(file: string): BookDeclaration {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw invalid(`${file} cannot be read as JSON`, cause)
  }
  return parseBookDeclaration(json)
}

/** @throws BOOK_DECLARATION_INVALID naming the member */
export function parseBookDeclaration(json: unknown): BookDeclaration {
  if (!isDeclaration(json)) {
    const faults = (isDeclaration.errors ?? []).slice(0, 5)
    throw invalid(faults.map(({ instancePath, message }) => `${instancePath || '/'} ${message}`).join('; '))
  }
  for (const [member, rule] of Object.entries(json.answer)) checkRule(json, member, rule)
  for (const [parameter, filters] of Object.entries(json.parameters ?? {}))
    for (const [table, filter] of Object.entries(filters))
      if ('column' in filter) columnTypeOf(json, table, filter.column, `parameters.${parameter}`)
  return json
}

/** The name of the table a rule reads. @throws BOOK_DECLARATION_INVALID */
export function tableOf({ tables }: BookDeclaration, rule: { of?: string }, where = 'answer'): string {
  const names = Object.keys(tables)
  const name = rule.of ?? (names.length === 1 ? names[0]! : undefined)
  if (name === undefined) throw invalid(`${where} does not say of which table`)
  if (!Object.hasOwn(tables, name)) throw invalid(`${where} names no table of this book: ${name}`)
  return name
}

/** @throws BOOK_DECLARATION_INVALID when the table or column is not declared */
export function columnTypeOf(
  { tables }: BookDeclaration,
  table: string,
  column: string,
  where = 'answer',
): ColumnType {
  const declared = tables[table]
  if (declared === undefined) throw invalid(`${where} names no table of this book: ${table}`)
  if (column === declared.subject && !Object.hasOwn(declared.columns, column)) return 'text'
  if (!Object.hasOwn(declared.columns, column))
    throw invalid(`${where} names a column that table ${table} does not declare: ${column}`)
  return declared.columns[column]!
}

/** The columns a sum runs over. */
export const summedColumns = (sum: string | string[]): string[] => (Array.isArray(sum) ? sum : [sum])

function checkRule(declaration: BookDeclaration, member: string, rule: AnswerRule): void {
  if ('constant' in rule) return
  const where = `answer.${member}`
  const table = tableOf(declaration, rule, where)
  const typeOf = (column: string): ColumnType => columnTypeOf(declaration, table, column, where)
  for (const { column } of rule.where ?? []) typeOf(column)
  if ('first' in rule) typeOf(rule.first)
  if ('last' in rule) typeOf(rule.last)
  if ('any' in rule) typeOf(rule.any.column)
  if ('sum' in rule)
    for (const column of summedColumns(rule.sum))
      if (!['integer', 'decimal'].includes(typeOf(column)))
        throw invalid(`${where} sums ${column}, which is no number`)
}

const invalid = (reason: string, cause?: unknown): CountersignError =>
  new CountersignError('BOOK_DECLARATION_INVALID', reason, { cause })
