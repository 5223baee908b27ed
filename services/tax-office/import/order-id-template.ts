import { isPattern } from './cell-pattern.ts'
import type { OrderIdRule } from './mapping-schema.ts'

/** Members of a record that an order id may be made of. */
export const DERIVED_PARTS = ['paidAt', 'period', 'category', 'currency', 'amountMinor'] as const
export type DerivedPart = (typeof DERIVED_PARTS)[number]

export type TemplatePart = { text: string } | { column: string } | { derived: DerivedPart } | { line: true }

const PLACEHOLDER = /\{([^{}]*)\}/

/** `{a}-{line}` as its parts. A column's name may have no braces and not start with `@`. */
export const templateParts = (template: string): TemplatePart[] =>
  template.split(PLACEHOLDER).flatMap((text, at): TemplatePart[] => {
    if (at % 2 === 0) return text === '' ? [] : [{ text }]
    if (text === 'line') return [{ line: true }]
    return text.startsWith('@') ? [{ derived: text.slice(1) as DerivedPart }] : [{ column: text }]
  })

/** Whether ids count rows, so that they hang on the rows before. */
export const countsRows = ({ template }: OrderIdRule): boolean =>
  templateParts(template).some((part) => 'line' in part)

export function faultsOfTemplate({ template, patterns = {}, lineWithin = [] }: OrderIdRule): string[] {
  const parts = templateParts(template)
  const columns = parts.flatMap((part) => ('column' in part ? [part.column] : []))
  const derived = parts.flatMap((part) => ('derived' in part ? [part.derived] : []))
  const lines = parts.filter((part) => 'line' in part).length
  const faults: string[] = []
  if (parts.some((part) => 'text' in part && /[{}]/.test(part.text))) faults.push('has a single brace')
  if (columns.includes('')) faults.push('has empty braces')
  if (columns.length + derived.length === 0) faults.push('is made of no column')
  for (const part of derived.filter((part) => !DERIVED_PARTS.includes(part)))
    faults.push(`names @${part}, which is none of ${DERIVED_PARTS.join(', ')}`)
  if (lines > 1) faults.push('has {line} twice')
  if (lines === 0 && lineWithin.length > 0) faults.push('has lineWithin without {line}')
  for (const [column, pattern] of Object.entries(patterns)) {
    if (!columns.includes(column)) faults.push(`has a pattern for ${column}, which is not in the template`)
    if (!isPattern(pattern)) faults.push(`has a pattern for ${column} that is no regular expression`)
  }
  return faults
}
