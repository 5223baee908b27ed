import { DateTime, IANAZone, type TokenParser } from 'luxon'
import { dayNumberOf } from '../../../protocol/payments/calendar.ts'
import type { PaidAtRule } from './mapping-schema.ts'

/** Day numbers of spreadsheets: their day 0 as a UTC day. Day 60 of the first is 29 February 1900, which never was. */
export const EXCEL_FORMATS = new Map([
  ['excel-day', { dayZero: Date.UTC(1899, 11, 30), first: 61 }],
  ['excel-day-1904', { dayZero: Date.UTC(1904, 0, 1), first: 0 }],
])

const DATE_TOKENS = new Set(['yy', 'yyyy', 'M', 'MM', 'MMM', 'MMMM', 'd', 'dd'])
const TIME_TOKENS = new Set(['H', 'HH', 'h', 'hh', 'a', 'm', 'mm', 's', 'ss', 'SSS'])
// Luxon takes what stands between tokens as text; such signs are no letters that might be meant as one.
const SEPARATOR = /^[^\p{L}]*$/u

export const localeOf = ({ locale = 'en-US' }: PaidAtRule): string => locale

/** The tokens of a format, without the text between them. */
const tokensOf = (parser: TokenParser): string[] =>
  (parser as TokenParser & { tokens: { literal: boolean; val: string }[] }).tokens
    .filter(({ literal, val }) => !literal && !SEPARATOR.test(val))
    .map(({ val }) => val)

/** @throws Error when Luxon cannot read by this format */
export function formatParser(format: string, locale: string): TokenParser {
  return DateTime.buildFormatParser(format, { locale })
}

export const hasTwoDigitYear = (parser: TokenParser): boolean => tokensOf(parser).includes('yy')

/** The coarsest unit that a format leaves open, if any. */
export function missingUnit(parser: TokenParser): 'month' | 'day' | undefined {
  const tokens = tokensOf(parser)
  if (!tokens.some((token) => token.startsWith('M'))) return 'month'
  return tokens.some((token) => token.startsWith('d')) ? undefined : 'day'
}

export function faultsOfPaidAt(rule: PaidAtRule): string[] {
  const { constant, column, formats, cases = [], zone, precision = 'day', earliest, latest } = rule
  if ((constant === undefined) === (column === undefined)) return ['needs a constant or a column']
  if (constant !== undefined)
    return [
      ...(dayNumberOf(constant) !== undefined ? [] : ['is no day that exists, as YYYY-MM-DD']),
      ...(Object.keys(rule).length === 1 ? [] : ['is constant, and says something else besides']),
    ]
  const faults: string[] = []
  if (formats === undefined && cases.length === 0) faults.push('needs formats')
  for (const format of new Set([formats ?? [], ...cases.map((rule) => rule.formats)].flat()))
    faults.push(...faultsOfFormat(format, rule).map((fault) => `format ${format} ${fault}`))
  if (zone !== undefined && !IANAZone.isValidZone(zone)) faults.push(`zone ${zone} is none of the IANA list`)
  if (precision === 'second' && zone === undefined) faults.push('has seconds, and needs a zone')
  if (precision === 'day' && zone !== undefined) faults.push('has a zone, and drops the time of day')
  for (const day of [earliest, latest])
    if (day !== undefined && dayNumberOf(day) === undefined)
      faults.push(`${day} is no day that exists, as YYYY-MM-DD`)
  if (earliest !== undefined && latest !== undefined && earliest > latest)
    faults.push('ends before it begins')
  return faults
}

function faultsOfFormat(format: string, rule: PaidAtRule): string[] {
  const seconds = rule.precision === 'second'
  if (EXCEL_FORMATS.has(format)) return seconds ? ['has no time of day'] : []
  let parser: TokenParser
  try {
    parser = formatParser(format, localeOf(rule))
  } catch {
    return ['cannot be read']
  }
  const tokens = tokensOf(parser)
  const faults = tokens
    .filter((token) => !DATE_TOKENS.has(token) && !TIME_TOKENS.has(token))
    .map((token) => `has ${token}, which no date here may have`)
  const years = tokens.filter((token) => token.startsWith('y')).length
  const months = tokens.filter((token) => token.startsWith('M')).length
  const days = tokens.filter((token) => token.startsWith('d')).length
  if (years !== 1) faults.push('needs one year, yy or yyyy')
  if (months > 1 || days > 1 || (days === 1 && months === 0)) faults.push('needs one month and one day')
  if (missingUnit(parser) !== undefined && rule.missing === undefined)
    faults.push('names no day, and missing does not say which one stands for it')
  if (tokens.includes('yy') && rule.twoDigitYearsFrom === undefined)
    faults.push('has two-digit years, and needs twoDigitYearsFrom')
  const isTwelveHour = tokens.some((token) => token.startsWith('h'))
  if (isTwelveHour !== tokens.includes('a')) faults.push('needs h or hh together with a')
  if (seconds && !tokens.some((token) => /^[Hh]/.test(token))) faults.push('has no time of day')
  return faults
}
