import { Ajv, type ErrorObject } from 'ajv'
import { CountersignError } from '../../../protocol/errors.ts'
import { isPattern } from './cell-pattern.ts'
import { faultsOfPaidAt } from './date-formats.ts'
import { mappedColumns } from './mapped-columns.ts'
import {
  type CellSource,
  type FollowsRule,
  type OrderIdRule,
  type PaymentMapping,
  PaymentMappingSchema,
} from './mapping-schema.ts'
import { faultOfMember, type SourcedMember } from './member-fault.ts'
import { countsRows, faultsOfTemplate } from './order-id-template.ts'

export type { PaymentMapping } from './mapping-schema.ts'

const ajv = new Ajv({ allErrors: true, strict: false })
const isMapping = ajv.compile<PaymentMapping>(PaymentMappingSchema)

/**
 * Checks a mapping of columns to payment records. It is the office's own text, so the problems quote it.
 * @param json as `JSON.parse` gives it
 * @throws PAYMENT_MAPPING_INVALID with all problems together, each led by its place; `details.problems` lists them
 */
export function parseMapping(json: unknown): PaymentMapping {
  const problems = isMapping(json) ? problemsOf(json) : shapeProblems(isMapping.errors)
  if (problems.length > 0)
    throw new CountersignError('PAYMENT_MAPPING_INVALID', problems.join('; '), { details: { problems } })
  return json as PaymentMapping
}

function shapeProblems(errors: ErrorObject[] | null | undefined): string[] {
  const problems = (errors ?? []).map(({ instancePath, message, params }) => {
    const named = params.additionalProperty ?? params.allowedValues?.join(', ')
    const place = instancePath.slice(1).replaceAll('/', '.') || 'the mapping'
    return `${place} ${message}${named === undefined ? '' : `: ${String(named).slice(0, 100)}`}`
  })
  return [...new Set(problems)].slice(0, 50)
}

function problemsOf(mapping: PaymentMapping): string[] {
  const { amount, period, skip = [] } = mapping
  return [
    ...sourceProblems('visibility', mapping.visibility),
    ...(mapping.kind ? sourceProblems('kind', mapping.kind) : []),
    ...sourceProblems('currency', mapping.currency),
    ...sourceProblems('category', mapping.category),
    ...sourceProblems('authority', mapping.authority),
    ...(period === undefined
      ? []
      : period.fromPaidAt === undefined
        ? sourceProblems('period', period)
        : Object.keys(period).length > 1
          ? ['period has fromPaidAt, and says something else besides']
          : []),
    ...(mapping.follows ? followsProblems(mapping.follows, mapping.orderId) : []),
    ...faultsOfTemplate(mapping.orderId).map((fault) => `orderId ${fault}`),
    ...faultsOfPaidAt(mapping.paidAt).map((fault) => `paidAt ${fault}`),
    ...(amount.thousands === amount.decimal ? ['amount has one sign for decimals and thousands'] : []),
    ...Object.entries(amount.symbols ?? {}).flatMap(([symbol, currency]) => {
      const fault = faultOfMember('currency', currency)
      return [
        ...(fault === undefined ? [] : [`amount.symbols ${symbol} ${fault}`]),
        ...(/[\d\s()+\u2212-]/.test(symbol)
          ? [`amount.symbols ${symbol} has a digit, blank, sign or parenthesis`]
          : []),
      ]
    }),
    ...patternProblems('payerTag', mapping.payerTag?.pattern),
    ...skip.flatMap((rule, at) => conditionProblems(`skip.${at}`, rule)),
    ...(mapping.paidAt.cases ?? []).flatMap((rule, at) => conditionProblems(`paidAt.cases.${at}`, rule)),
    ...(mapping.payerTag !== undefined && mapping.visibility.constant === 'public'
      ? ['payerTag is for sealed records, and visibility is public']
      : []),
    ...formatProblems(mapping),
  ]
}

function sourceProblems(member: SourcedMember, source: CellSource): string[] {
  const { constant, column, pattern, values, otherwise } = source
  if ((constant === undefined) === (column === undefined)) return [`${member} needs a constant or a column`]
  if (constant !== undefined) {
    if (pattern ?? values ?? otherwise) return [`${member} is constant, and says something else besides`]
    const fault = faultOfMember(member, constant)
    return fault === undefined ? [] : [`${member} ${fault}`]
  }
  const recorded = [...Object.values(values ?? {}), ...(otherwise === undefined ? [] : [otherwise])]
  const faults = recorded.flatMap((value) => {
    const fault = faultOfMember(member, value)
    return fault === undefined ? [] : [`${member} ${JSON.stringify(value)} ${fault}`]
  })
  if (otherwise !== undefined && values === undefined) faults.push(`${member} has otherwise without values`)
  return [...new Set(faults), ...patternProblems(member, pattern)]
}

function followsProblems({ constant, column }: FollowsRule, orderId: OrderIdRule): string[] {
  return [
    ...((constant === undefined) === (column === undefined) ? ['follows needs a constant or a column'] : []),
    // A row that amends an order would be counted as another one.
    ...(countsRows(orderId) ? ['follows is for order ids without {line}'] : []),
  ]
}

function conditionProblems(
  place: string,
  { empty, equals, pattern }: { empty?: true; equals?: string[]; pattern?: string },
): string[] {
  const tests = [empty, equals, pattern].filter((test) => test !== undefined)
  return [
    ...(tests.length === 1 ? [] : [`${place} needs one of empty, equals and pattern`]),
    ...patternProblems(place, pattern),
  ]
}

const patternProblems = (place: string, pattern: string | undefined): string[] =>
  pattern === undefined || isPattern(pattern) ? [] : [`${place} has a pattern that is no regular expression`]

function formatProblems(mapping: PaymentMapping): string[] {
  const { format = 'csv', header, delimiter, multiline } = mapping
  if (format === 'json-lines')
    return [
      ...(header === undefined ? [] : ['header is for CSV files']),
      ...(delimiter === undefined ? [] : ['delimiter is for CSV files']),
      ...(multiline === undefined ? [] : ['multiline is for CSV files']),
    ]
  if (header === undefined) return []
  return [
    ...(new Set(header).size === header.length ? [] : ['header names a column twice']),
    ...mappedColumns(mapping)
      .filter((column) => !header.includes(column))
      .map((column) => `header lacks the column ${column}`),
  ]
}
