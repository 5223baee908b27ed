import { minorDigitsOf } from '../../../protocol/payments/currency.ts'
import { toMinorUnits } from '../../../protocol/payments/minor-units.ts'
import { type Refusal, type RefusalCode, refusal } from './imported-row.ts'
import type { AmountRule } from './mapping-schema.ts'

/** In minor units; `isNegative` as the file signs it, never of zero. */
export interface ReadAmount {
  amountMinor: number
  isNegative: boolean
}

const MAX_LENGTH = 60
// A sign or symbol, then the number from its first to its last digit, then what may stand behind.
const PARTS = /^([^\d]*)(\d(?:.*\d)?)([^\d]*)$/su

/** How a column's amounts are read: exactly as declared, nothing rounded. `currency` is that of the row. */
export function amountReader(
  rule: AmountRule,
): (text: string, currency: string, refusals: Refusal[]) => ReadAmount | undefined {
  const { column, unit = 'major' } = rule
  const number = numberPattern(rule)
  const symbols = new Map(Object.entries(rule.symbols ?? {}))
  const signs = new Set(rule.signs ?? [])

  const read = (text: string, currency: string): ReadAmount | [RefusalCode, string] => {
    if (text === '') return ['AMOUNT_EMPTY', 'the amount is empty']
    const parts = text.length > MAX_LENGTH ? null : PARTS.exec(text)
    if (parts === null) return ['AMOUNT_UNREADABLE', 'the amount is not a number']
    const [, before = '', digits = '', after = ''] = parts
    const sign = signOf(before, after)
    if (sign === undefined) return ['AMOUNT_UNREADABLE', 'the amount has more signs than one']
    if (sign.form !== undefined && !signs.has(sign.form))
      return ['AMOUNT_UNREADABLE', 'the amount has a sign in a form that is not declared']
    if (sign.symbol !== '' && symbols.get(sign.symbol) !== currency)
      return isCurrencySign(sign.symbol) || symbols.has(sign.symbol)
        ? ['AMOUNT_CURRENCY_DIFFERENT', 'the amount has the sign of a currency that is not declared for it']
        : ['AMOUNT_UNREADABLE', 'the amount is not a number']
    const match = number.exec(digits)
    if (match === null) return ['AMOUNT_UNREADABLE', 'the amount is not a number as declared']
    const whole = match[1]!.replaceAll(/\D/g, '')
    const decimals = match[2] ?? ''
    const minorDigits = minorDigitsOf(currency) ?? 0
    if (decimals.length > minorDigits)
      return ['AMOUNT_TOO_PRECISE', 'the amount has more decimals than its currency']
    const amountMinor = minorOf(whole, decimals, currency)
    if (amountMinor === undefined) return ['AMOUNT_TOO_LARGE', 'the amount is past 2^53 - 1 minor units']
    return { amountMinor, isNegative: sign.isNegative && amountMinor !== 0 }
  }

  const minorOf = (whole: string, decimals: string, currency: string): number | undefined => {
    if (unit === 'minor') return Number.isSafeInteger(Number(whole)) ? Number(whole) : undefined
    try {
      return toMinorUnits(decimals === '' ? whole : `${whole}.${decimals}`, currency)
    } catch {
      return undefined
    }
  }

  return (text, currency, refusals) => {
    const amount = read(text, currency)
    if (!Array.isArray(amount)) return amount
    refusals.push(refusal(amount[0], amount[1], column))
    return undefined
  }
}

/** Signs that are typed for a declared one: blanks that break no line, the typographic apostrophe. */
const THOUSANDS = { ',': ',', '.': '\\.', ' ': '[ \\u00a0\\u202f]', "'": "['\\u2019]" }

function numberPattern({ decimal, thousands, unit = 'major' }: AmountRule): RegExp {
  const grouped = thousands === undefined ? '' : `|\\d{1,3}(?:${THOUSANDS[thousands]}\\d{3})+`
  const decimals = unit === 'minor' ? '' : `(?:\\${decimal}(\\d+))?`
  return new RegExp(`^(\\d+${grouped})${decimals}$`)
}

type SignForm = NonNullable<AmountRule['signs']>[number]

/** What stands around a number: at most one sign and one symbol. */
function signOf(
  before: string,
  after: string,
): { form?: SignForm; isNegative: boolean; symbol: string } | undefined {
  const inParentheses = before.includes('(') || after.includes(')')
  const forms: SignForm[] = []
  if (inParentheses) forms.push('parentheses')
  for (const sign of before.match(/[-\u2212+]/g) ?? []) forms.push(sign === '+' ? 'plus' : 'minus')
  if (/[-\u2212]/.test(after)) forms.push('trailing-minus')
  if (forms.length > 1 || after.includes('+') || /\(.*\(|\)/.test(before) || /\).*\)|\(/.test(after))
    return undefined
  if (inParentheses && !(before.includes('(') && after.includes(')'))) return undefined
  if ((after.match(/[-\u2212]/g) ?? []).length > 1) return undefined
  const symbols = [before, after]
    .map((text) => text.replace(/[-\u2212+()\s]/g, ''))
    .filter((text) => text !== '')
  if (symbols.length > 1) return undefined
  const [form] = forms
  return {
    ...(form === undefined ? {} : { form }),
    isNegative: form !== undefined && form !== 'plus',
    symbol: symbols[0] ?? '',
  }
}

/** A sign that some currency has, or a code in letters. */
const isCurrencySign = (symbol: string): boolean => /^(?:[A-Za-z]{0,3}\p{Sc}|[A-Za-z]{3})$/u.test(symbol)
