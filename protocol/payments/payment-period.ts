import { dayNumberOf, dayText, FIRST_YEAR, isYear, LAST_YEAR } from './calendar.ts'

/** A period as the payload carries it: `value` takes `PERIOD_BYTES[form]` bytes. */
export interface PackedPeriod {
  form: number
  value: number
}

interface PeriodForm {
  bytes: number
  pack: (text: string) => number | undefined
  unpack: (value: number) => string
}

const yearOf = (text: string): number | undefined => (isYear(text) ? Number(text) - FIRST_YEAR : undefined)

/** A year and a part of it from 1 to `count`. */
const yearPart = (pattern: RegExp, count: number, name: (part: number) => string): PeriodForm => ({
  bytes: 2,
  pack(text) {
    const match = pattern.exec(text)
    const year = match === null ? undefined : yearOf(match[1]!)
    const part = Number(match?.[2])
    return year === undefined || part < 1 || part > count ? undefined : year * count + part - 1
  },
  unpack: (value) => `${Math.floor(value / count) + FIRST_YEAR}-${name((value % count) + 1)}`,
})

/** The position of a form is its code in the payload: add at the end only. */
const FORMS: readonly PeriodForm[] = [
  { bytes: 0, pack: (text) => (text === '' ? 0 : undefined), unpack: () => '' },
  { bytes: 1, pack: yearOf, unpack: (value) => String(value + FIRST_YEAR) },
  yearPart(/^(\d{4})-(\d\d)$/, 12, (month) => String(month).padStart(2, '0')),
  yearPart(/^(\d{4})-Q(\d)$/, 4, (quarter) => `Q${quarter}`),
  { bytes: 3, pack: dayNumberOf, unpack: dayText },
  {
    bytes: 1,
    pack(text) {
      const [first = '', second = ''] = text.split('/')
      const isTaxYear = text.length === 9 && isYear(first) && isYear(second)
      return isTaxYear && Number(second) === Number(first) + 1 ? yearOf(first) : undefined
    },
    unpack: (value) => `${value + FIRST_YEAR}/${value + FIRST_YEAR + 1}`,
  },
]

/** Bytes of the value, by form. */
export const PERIOD_BYTES: readonly number[] = FORMS.map(({ bytes }) => bytes)

/**
 * `YYYY`, `YYYY-MM`, `YYYY-Qn`, `YYYY-MM-DD`, `YYYY/YYYY` (two years in a row) or "", of the years 1900 to 2155.
 * @returns undefined for anything else
 */
export function packPeriod(text: string): PackedPeriod | undefined {
  for (const [form, { pack }] of FORMS.entries()) {
    const value = pack(text)
    if (value !== undefined) return { form, value }
  }
  return undefined
}

/** @returns undefined when there is no such form; a value out of its range gives a text that does not pack again. */
export const unpackPeriod = ({ form, value }: PackedPeriod): string | undefined => FORMS[form]?.unpack(value)

export const PERIOD_RULE = `is not YYYY, YYYY-MM, YYYY-Qn, YYYY-MM-DD, YYYY/YYYY or "", of ${FIRST_YEAR} to ${LAST_YEAR}`
