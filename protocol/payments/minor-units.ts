import { minorDigitsOf } from './currency.ts'
import { paymentInvalid } from './payment-invalid.ts'

const MAX_TEXT = 40

/**
 * An amount in the currency's minor unit, exactly: `toMinorUnits('1234.56', 'GBP')` is 123456. Takes digits, at most one point
 * between digits and a leading minus; nothing is rounded or guessed.
 * @throws PAYMENT_INVALID for another form, more decimals than the currency has (also zeros), or an amount past 2^53 - 1
 */
export function toMinorUnits(amount: string, currency: string): number {
  const digits = digitsOf(currency)
  const match = amount.length > MAX_TEXT ? null : /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount)
  if (match === null) throw paymentInvalid('amount', 'is not a plain decimal number')
  const [, sign, whole, decimals = ''] = match
  if (decimals.length > digits)
    throw paymentInvalid('amount', `has ${decimals.length} decimals, ${currency} has ${digits}`)
  const value = Number(whole + decimals.padEnd(digits, '0'))
  if (!Number.isSafeInteger(value)) throw paymentInvalid('amount', 'is past 2^53 - 1 minor units')
  return sign === '-' && value !== 0 ? -value : value
}

/** The other way: `toDecimal(123456, 'GBP')` is "1234.56", `toDecimal(5, 'JPY')` is "5". @throws PAYMENT_INVALID */
export function toDecimal(amountMinor: number, currency: string): string {
  const digits = digitsOf(currency)
  if (!Number.isSafeInteger(amountMinor)) throw paymentInvalid('amountMinor', 'is not a safe integer')
  const text = String(Math.abs(amountMinor)).padStart(digits + 1, '0')
  const sign = amountMinor < 0 ? '-' : ''
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

function digitsOf(currency: string): number {
  const digits = minorDigitsOf(currency)
  if (digits === undefined) throw paymentInvalid('currency', 'is not an ISO 4217 code of money')
  return digits
}
