import { toDecimal } from '../../protocol/payments/minor-units.ts'
import { type Language, LOCALES } from './language.ts'

/** Exactly, with the currency's own decimals and its code: `GBP 1,234.56`. */
export function formatAmount(language: Language, amountMinor: number, currency: string): string {
  const decimal = toDecimal(amountMinor, currency)
  const decimals = decimal.split('.')[1]?.length ?? 0
  const digits = new Intl.NumberFormat(LOCALES[language], {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
  // As text: a number has not room for every amount.
  return `${currency} ${digits.format(decimal as `${number}`)}`
}

/** A day stays the day it is, wherever it is read; a moment is told in UTC. */
export function formatPaidAt(language: Language, paidAt: string): string {
  const hasTime = paidAt.length > 10
  const date = new Date(hasTime ? paidAt : `${paidAt}T00:00:00Z`)
  const text = new Intl.DateTimeFormat(LOCALES[language], {
    dateStyle: 'long',
    ...(hasTime ? { timeStyle: 'medium' } : {}),
    timeZone: 'UTC',
  }).format(date)
  return hasTime ? `${text} UTC` : text
}

/** @param seconds unix */
export const formatTime = (language: Language, seconds: number): string =>
  formatPaidAt(language, `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`)

/** Of free fields: text as it is, anything else as JSON. */
export const formatField = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const

/** In units of a thousand, three digits at most before the point: `1.4 MB`. */
export function formatBytes(language: Language, bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), BYTE_UNITS.length - 1)
  return new Intl.NumberFormat(LOCALES[language], {
    style: 'unit',
    unit: BYTE_UNITS[power]!,
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumFractionDigits: power === 0 ? 0 : 1,
  }).format(bytes / 1_000 ** power)
}
