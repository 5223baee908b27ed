import type { PeriodRule } from './mapping-schema.ts'

/** The period that a day (`YYYY-MM-DD`) lies in. A UK tax year begins on 6 April (Income Tax Act 2007, section 4). */
export function periodOfDay(day: string, unit: NonNullable<PeriodRule['fromPaidAt']>): string {
  const year = Number(day.slice(0, 4))
  switch (unit) {
    case 'day':
      return day
    case 'month':
      return day.slice(0, 7)
    case 'quarter':
      return `${year}-Q${Math.ceil(Number(day.slice(5, 7)) / 3)}`
    case 'year':
      return String(year)
    case 'uk-tax-year': {
      const first = day.slice(5) < '04-06' ? year - 1 : year
      return `${first}/${first + 1}`
    }
  }
}
