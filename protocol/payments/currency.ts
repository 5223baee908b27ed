import { data } from 'currency-codes'

/** What ISO 4217 marks as a fund, or lists without a minor unit: metals, units of account, codes for tests. */
const NOT_MONEY = new Set([
  ...['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI'],
  ...['XAG', 'XAU', 'XPD', 'XPT', 'XBA', 'XBB', 'XBC', 'XBD', 'XDR', 'XSU', 'XUA', 'XTS', 'XXX'],
])

const DIGITS = new Map(
  data.filter(({ code }) => !NOT_MONEY.has(code)).map(({ code, digits }) => [code, digits]),
)

/** Decimals of the minor unit of an ISO 4217 currency: 2 for GBP, 0 for JPY; undefined for what nobody pays in. */
export const minorDigitsOf = (currency: string): number | undefined => DIGITS.get(currency)

/** All currencies that a payment may be in, in alphabetical order. */
export const CURRENCIES: readonly string[] = [...DIGITS.keys()].sort()
