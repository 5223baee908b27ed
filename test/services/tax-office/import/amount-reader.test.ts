import { expect } from 'chai'
import fc from 'fast-check'
import { toDecimal } from '../../../../protocol/payments/minor-units.ts'
import { amountReader } from '../../../../services/tax-office/import/amount-reader.ts'
import type { Refusal } from '../../../../services/tax-office/import/imported-row.ts'
import type { AmountRule } from '../../../../services/tax-office/import/mapping-schema.ts'

const ALL_SIGNS = ['minus', 'plus', 'trailing-minus', 'parentheses'] as const
const rule = (changes: Partial<AmountRule> = {}): AmountRule => ({
  column: 'amount',
  decimal: '.',
  thousands: ',',
  symbols: { '£': 'GBP', GBP: 'GBP' },
  signs: [...ALL_SIGNS],
  negative: 'refund',
  ...changes,
})

/** Minor units with the sign, or the code of the refusal. */
function read(text: string, changes: Partial<AmountRule> = {}, currency = 'GBP'): number | string {
  const refusals: Refusal[] = []
  const amount = amountReader(rule(changes))(text, currency, refusals)
  if (amount === undefined) return refusals.map(({ code }) => code).join(' ')
  expect(refusals).to.deep.equal([])
  return amount.isNegative ? -amount.amountMinor : amount.amountMinor
}

describe('amounts of a file', () => {
  const readable: [string, number][] = [
    ['15', 1500],
    ['247725.30', 24772530],
    ['1225340.0', 122534000],
    ['-12.5', -1250],
    ['+12.5', 1250],
    ['\u221212.50', -1250],
    ['12.50-', -1250],
    ['(12.50)', -1250],
    ['£13,200.00', 1320000],
    ['-£400.00', -40000],
    ['£-400.00', -40000],
    ['(£3,241.01)', -324101],
    ['£(3,241.01)', -324101],
    ['£ 1', 100],
    ['1.00 GBP', 100],
    ['75,127.50', 7512750],
    ['0', 0],
    ['-0.00', 0],
    ['90071992547409.91', Number.MAX_SAFE_INTEGER],
  ]
  for (const [text, amountMinor] of readable)
    it(`reads ${text}`, () => expect(read(text)).to.equal(amountMinor))

  const refused: [string, string][] = [
    ['', 'AMOUNT_EMPTY'],
    ['90071992547409.92', 'AMOUNT_TOO_LARGE'],
    ['1.234', 'AMOUNT_TOO_PRECISE'],
    ['1.000', 'AMOUNT_TOO_PRECISE'],
    ['$471.00', 'AMOUNT_CURRENCY_DIFFERENT'],
    ['($3,241.01)', 'AMOUNT_CURRENCY_DIFFERENT'],
    ['US$1.00', 'AMOUNT_CURRENCY_DIFFERENT'],
    ['EUR 1.00', 'AMOUNT_CURRENCY_DIFFERENT'],
    ['about 12', 'AMOUNT_UNREADABLE'],
    ['12,34', 'AMOUNT_UNREADABLE'],
    ['1,2345.00', 'AMOUNT_UNREADABLE'],
    ['1234,567.00', 'AMOUNT_UNREADABLE'],
    ['1.234,00', 'AMOUNT_UNREADABLE'],
    ['1 234.00', 'AMOUNT_UNREADABLE'],
    ['9.83E+21', 'AMOUNT_UNREADABLE'],
    ['.50', 'AMOUNT_UNREADABLE'],
    ['5.', 'AMOUNT_UNREADABLE'],
    ['--5', 'AMOUNT_UNREADABLE'],
    ['-5-', 'AMOUNT_UNREADABLE'],
    ['(-5)', 'AMOUNT_UNREADABLE'],
    ['(5', 'AMOUNT_UNREADABLE'],
    [')5(', 'AMOUNT_UNREADABLE'],
    ['£5£', 'AMOUNT_UNREADABLE'],
    ['5+', 'AMOUNT_UNREADABLE'],
    ['Amount', 'AMOUNT_UNREADABLE'],
    ['٥٠', 'AMOUNT_UNREADABLE'],
    [`${'1'.repeat(59)}`, 'AMOUNT_TOO_LARGE'],
    [`${'1'.repeat(1000)}`, 'AMOUNT_UNREADABLE'],
  ]
  for (const [text, code] of refused)
    it(`refuses ${JSON.stringify(text.slice(0, 20))} as ${code}`, () => expect(read(text)).to.equal(code))

  it('takes no sign, separator or symbol that is not declared', () => {
    const bare = { signs: [], symbols: {} }
    for (const text of ['-5', '+5', '5-', '(5)']) expect(read(text, bare)).to.equal('AMOUNT_UNREADABLE')
    expect(read('£5', bare)).to.equal('AMOUNT_CURRENCY_DIFFERENT')
    const { thousands: _none, ...ungrouped } = rule()
    const refusals: Refusal[] = []
    expect(amountReader(ungrouped)('1,000.00', 'GBP', refusals)).to.equal(undefined)
    expect(refusals[0]!.code).to.equal('AMOUNT_UNREADABLE')
  })

  it('holds a symbol against the currency of the row', () => {
    const symbols = { '£': 'GBP', $: 'USD' }
    expect(read('$1.00', { symbols }, 'USD')).to.equal(100)
    expect(read('$1.00', { symbols }, 'GBP')).to.equal('AMOUNT_CURRENCY_DIFFERENT')
  })

  it('reads separators of other countries as declared, and counts the decimals that a currency has', () => {
    expect(read('1.234.567,89', { decimal: ',', thousands: '.' })).to.equal(123456789)
    expect(read('1\u202f234,50', { decimal: ',', thousands: ' ' })).to.equal(123450)
    expect(read('1\u2019234.50', { thousands: "'" })).to.equal(123450)
    expect(read('1,234', {}, 'JPY')).to.equal(1234)
    expect(read('1.5', {}, 'JPY')).to.equal('AMOUNT_TOO_PRECISE')
    expect(read('1.234', {}, 'KWD')).to.equal(1234)
    expect(read('1234', { unit: 'minor' })).to.equal(1234)
    expect(read('12.34', { unit: 'minor' })).to.equal('AMOUNT_UNREADABLE')
  })

  it('reads back every amount as the protocol writes it', () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.constantFrom('GBP', 'JPY', 'KWD'),
        (minor, currency) => read(toDecimal(minor, currency), {}, currency) === (minor === 0 ? 0 : minor),
      ),
    )
  })

  it('says nothing of the cell in a reason', () => {
    const refusals: Refusal[] = []
    const reader = amountReader(rule())
    for (const [text] of refused) reader(text, 'GBP', refusals)
    for (const { reason, column } of refusals) {
      expect(column).to.equal('amount')
      expect(reason.replace('2^53 - 1', '')).to.not.match(/\d|\$|£|about/)
    }
  })
})
