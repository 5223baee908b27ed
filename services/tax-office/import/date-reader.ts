import { DateTime, type TokenParser } from 'luxon'
import { dayNumberOf } from '../../../protocol/payments/calendar.ts'
import { EXCEL_FORMATS, formatParser, hasTwoDigitYear, localeOf, missingUnit } from './date-formats.ts'
import { type Refusal, type RefusalCode, refusal } from './imported-row.ts'
import type { PaidAtRule } from './mapping-schema.ts'

export interface ReadDate {
  /** As the record has it: `YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM:SSZ`. */
  paidAt: string
  /** The day in the zone of the file, which periods go by. */
  day: string
}

/** A text read by one format: it may also have the format but name a day that does not exist. */
type Reading = ReadDate | 'not-existing' | 'two-instants' | undefined
type ReadText = (text: string) => ReadDate | [RefusalCode, string]

const MAX_LENGTH = 40
const DAY_MS = 86_400_000
/** Different texts a reader remembers: files name few days, and reading one by ten formats takes a while. */
const MAX_REMEMBERED = 10_000

/** Reads by all formats: two that read a text as different times leave it unread. */
export function dateReader(
  formats: readonly string[],
  rule: PaidAtRule,
): (text: string, refusals: Refusal[]) => ReadDate | undefined {
  const readText = remembering(textReader(formats, rule))
  return (text, refusals) => {
    const date = readText(text)
    if (!Array.isArray(date)) return date
    refusals.push(refusal(date[0], date[1], rule.column))
    return undefined
  }
}

function textReader(formats: readonly string[], rule: PaidAtRule): ReadText {
  const { earliest, latest } = rule
  const readers = formats.map((format) => formatReader(format, rule))
  return (text) => {
    if (text === '') return ['DATE_EMPTY', 'the date is empty']
    const readings = text.length > MAX_LENGTH ? [] : readers.map((read) => read(text))
    const dates = readings.filter((reading) => typeof reading === 'object')
    if (new Set(dates.map(({ paidAt }) => paidAt)).size > 1 || readings.includes('two-instants'))
      return ['DATE_AMBIGUOUS', 'the date can be read in two ways']
    const [date] = dates
    if (date === undefined)
      return readings.includes('not-existing')
        ? ['DATE_NOT_EXISTING', 'there is no such date']
        : ['DATE_UNREADABLE', 'the date has none of the declared formats']
    if ((earliest !== undefined && date.day < earliest) || (latest !== undefined && date.day > latest))
      return ['DATE_OUT_OF_RANGE', 'the date is outside the declared range']
    if (dayNumberOf(date.paidAt.slice(0, 10)) === undefined)
      return ['DATE_OUT_OF_RANGE', 'the date is outside the years that records have']
    return date
  }
}

function remembering(read: ReadText): ReadText {
  const remembered = new Map<string, ReturnType<ReadText>>()
  return (text) => {
    const known = remembered.get(text)
    if (known !== undefined) return known
    const date = read(text)
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(text, date)
    return date
  }
}

function formatReader(format: string, rule: PaidAtRule): (text: string) => Reading {
  const excel = EXCEL_FORMATS.get(format)
  if (excel !== undefined) return (text) => readExcelDay(text, excel)
  const locale = localeOf(rule)
  const parser = formatParser(format, locale)
  return (text) => readByFormat(text, parser, format, locale, rule)
}

function readExcelDay(text: string, { dayZero, first }: { dayZero: number; first: number }): Reading {
  const match = /^(\d{1,6})(?:\.0+)?$/.exec(text)
  if (match === null) return undefined
  if (Number(match[1]) < first) return 'not-existing'
  const day = new Date(dayZero + Number(match[1]) * DAY_MS).toISOString().slice(0, 10)
  return { paidAt: day, day }
}

function readByFormat(
  text: string,
  parser: TokenParser,
  format: string,
  locale: string,
  rule: PaidAtRule,
): Reading {
  const parsed = DateTime.fromFormatParser(text, parser, { zone: 'utc', locale })
  if (!parsed.isValid) return parsed.invalidReason === 'unparsable' ? undefined : 'not-existing'
  // Luxon reads four digits as a two-digit year too; only a text that the format would write is of the format.
  if (comparable(parsed.toFormat(format, { locale })) !== comparable(text)) return undefined
  const dated = hasTwoDigitYear(parser) ? inDeclaredCentury(parsed, rule.twoDigitYearsFrom!) : parsed
  if (dated === undefined) return 'not-existing'
  const missing = missingUnit(parser)
  const wall =
    missing !== undefined && rule.missing === 'last-day'
      ? dated.endOf(missing === 'month' ? 'year' : 'month')
      : dated
  const day = wall.toFormat('yyyy-MM-dd')
  return rule.precision === 'second' ? instantOf(wall, rule.zone!) : { paidAt: day, day }
}

/** Whatever the case of month names and the zeros in front of numbers. */
const comparable = (text: string): string => text.toLowerCase().replaceAll(/(?<!\d)0+(?=\d)/g, '')

/** The year of the hundred from `from` that ends in the same two digits; undefined for a 29 February that it lacks. */
function inDeclaredCentury(date: DateTime, from: number): DateTime | undefined {
  const year = from + ((((date.year - from) % 100) + 100) % 100)
  const moved = DateTime.fromObject({ ...date.toObject(), year }, { zone: 'utc' })
  return moved.isValid ? moved : undefined
}

/** A time of day in a zone: there may be none (clocks put forward), or two (put back). */
function instantOf(wall: DateTime, zone: string): Reading {
  const instant = wall.setZone(zone, { keepLocalTime: true })
  if (instant.toFormat('HH:mm') !== wall.toFormat('HH:mm')) return 'not-existing'
  if (instant.getPossibleOffsets().length > 1) return 'two-instants'
  return {
    paidAt: instant.toUTC().toFormat("yyyy-MM-dd'T'HH:mm:ss'Z'"),
    day: wall.toFormat('yyyy-MM-dd'),
  }
}
