import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import Big from 'big.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { CURRENCIES, minorDigitsOf } from '../../../protocol/payments/currency.ts'
import { toDecimal, toMinorUnits } from '../../../protocol/payments/minor-units.ts'
import { expectError } from '../../support/expect-error.ts'

describe('currency', () => {
  it('is what ISO 4217 lists with a minor unit and not as a fund', () => {
    const path = createRequire(import.meta.url).resolve('currency-codes/iso-4217-list-one.xml')
    // Uzbekistan and others come once per country; a currency is money wherever it is listed as such.
    const listed = readFileSync(path, 'utf8')
      .split('<CcyNtry>')
      .flatMap((entry) => {
        const code = /<Ccy>(\w{3})</.exec(entry)?.[1]
        const digits = /<CcyMnrUnts>(\d)</.exec(entry)?.[1]
        return code === undefined || digits === undefined || /IsFund="true"/i.test(entry)
          ? []
          : [[code, Number(digits)] as const]
      })
    expect([...new Map(listed).keys()].sort()).to.deep.equal(CURRENCIES)
    for (const [code, digits] of listed) expect(minorDigitsOf(code), code).to.equal(digits)
  })
})

describe('minor units', () => {
  it('are the decimal amount times the power of ten, exactly, and back', () => {
    const amount = fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(amount, fc.constantFrom(...CURRENCIES), (amountMinor, currency) => {
        const decimal = toDecimal(amountMinor, currency)
        const power = new Big(10).pow(minorDigitsOf(currency)!)
        expect(new Big(decimal).times(power).toFixed()).to.equal(String(amountMinor))
        expect(toMinorUnits(decimal, currency)).to.equal(amountMinor)
      }),
    )
  })

  it('take fewer decimals than the currency has', () => {
    expect(toMinorUnits('1234.5', 'GBP')).to.equal(123450)
    expect(toMinorUnits('1234', 'GBP')).to.equal(123400)
    expect(toMinorUnits('0012', 'JPY')).to.equal(12)
    expect(toMinorUnits('1.234', 'KWD')).to.equal(1234)
    expect(Object.is(toMinorUnits('-0.00', 'GBP'), 0)).to.equal(true)
    expect(toDecimal(-5, 'GBP')).to.equal('-0.05')
    expect(toDecimal(0, 'JPY')).to.equal('0')
  })

  for (const [amount, currency] of [
    ['1.234', 'GBP'],
    ['1.500', 'GBP'],
    ['1.0', 'JPY'],
    ['90071992547409.92', 'GBP'],
    ['9007199254740993', 'JPY'],
    ['1,234.50', 'GBP'],
    ['1.', 'GBP'],
    ['.5', 'GBP'],
    ['+5', 'GBP'],
    ['--5', 'GBP'],
    ['1e3', 'GBP'],
    ['0x10', 'GBP'],
    [' 5', 'GBP'],
    ['', 'GBP'],
    ['£5', 'GBP'],
    ['５', 'GBP'],
    ['NaN', 'GBP'],
    ['5', 'XAU'],
    ['5', 'gbp'],
    ['0'.repeat(41), 'GBP'],
  ] as const)
    it(`refuse ${JSON.stringify(amount)} ${currency}`, () => {
      expectError(() => toMinorUnits(amount, currency), 'PAYMENT_INVALID')
    })

  it('of an unsafe number have no decimal form', () => {
    for (const amount of [0.5, 2 ** 53, Number.NaN])
      expectError(() => toDecimal(amount, 'GBP'), 'PAYMENT_INVALID')
  })
})
