import { data } from 'currency-codes'

/** Units of account, metals and codes for tests: ISO 4217 lists them, nobody pays in them. */
const NOT_MONEY = new Set([
  ...['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW'],
  ...['XAG', 'XAU', 'XPD', 'XPT', 'XBA', 'XBB', 'XBC', 'XBD', 'XDR', 'XSU', 'XUA', 'XTS', 'XXX'],
])

const DIGITS = new Map(
  data.filter(({ code }) => !NOT_MONEY.has(code)).map(({ code, digits }) => [code, digits]),
)

/** Decimals of the minor unit of an ISO 4217 currency: 2 for GBP, 0 for JPY; undefined for what nobody pays in. */
export const minorDigitsOf = (currency: string): number | undefined => DIGITS.get(currency)

/** All currencies that a payment may be in, in alphabetical order. */
export const CURRENCIES: readonly string[] = [...DIGITS.keys()].sort()
