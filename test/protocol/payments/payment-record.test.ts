import { expect } from 'chai'
import fc from 'fast-check'
import { netAmount } from '../../../protocol/payments/net-amount.ts'
import { checkPaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { expectError } from '../../support/expect-error.ts'
import { anyRecord, paymentRecord } from './payment-arbitrary.ts'

describe('payment record', () => {
  it('takes every record within its bounds as it is', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(checkPaymentRecord(record)).to.deep.equal(record)
      }),
    )
  })

  const refused: [string, Record<string, unknown>][] = [
    ['orderId', { orderId: '' }],
    ['orderId', { orderId: ' A' }],
    ['orderId', { orderId: 'A\u0000' }],
    ['orderId', { orderId: 'A\u200bB' }],
    ['orderId', { orderId: 'e\u0301' }],
    ['orderId', { orderId: '\ud800' }],
    ['orderId', { orderId: '税'.repeat(33) }],
    ['orderId', { orderId: 7 }],
    ['orderId', { orderId: `0x${'aB'.repeat(32)}` }],
    ['orderId', { orderId: 'A\u2800B' }],
    ['orderId', { orderId: 'A\u3164B' }],
    ['orderId', { orderId: 'A\ufe0fB' }],
    ['version', { version: 0 }],
    ['version', { version: 1.5 }],
    ['version', { version: 2 ** 32 }],
    ['version', { version: '1' }],
    ['kind', { kind: 'gift' }],
    ['kind', { kind: 'correction' }],
    ['kind', { kind: 'reversal' }],
    ['kind', { kind: 'payment', version: 2 }],
    ['category', { category: '' }],
    ['category', { category: '-a' }],
    ['category', { category: 'Tax' }],
    ['category', { category: 'a'.repeat(33) }],
    ['category', { category: 'tax\n' }],
    ...[
      '2015-13',
      '2015-00',
      '2015-Q0',
      '2015-Q5',
      '2015-02-30',
      '2015/2017',
      '2015/16',
      '1899',
      '2156',
      '15',
      '2155/2156',
      '2015-6',
      null,
    ].map((period): [string, Record<string, unknown>] => ['period', { period }]),
    ...[-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '5', 5n, null].map(
      (amountMinor): [string, Record<string, unknown>] => ['amountMinor', { amountMinor }],
    ),
    ['amountMinor', { kind: 'refund', amountMinor: 0 }],
    ...['gbp', 'XXX', 'XAU', 'XTS', 'UYI', 'CHE', 'ZZZ', 'GBPX', '', '__proto__'].map(
      (currency): [string, Record<string, unknown>] => ['currency', { currency }],
    ),
    ...[
      '2015-02-29',
      '2015-6-4',
      '04/06/2015',
      '2015-06-04T24:00:00Z',
      '2015-06-04T23:59:60Z',
      '2015-06-04T10:00:00',
      '2015-06-04T10:00:00+01:00',
      '2015-06-04T10:00:00.5Z',
      '1899-12-31',
      '2156-01-01',
      '0015-06-04',
      '2015-06-04\n',
    ].map((paidAt): [string, Record<string, unknown>] => ['paidAt', { paidAt }]),
    ['authority', { authority: '' }],
    ['authority', { authority: 'A'.repeat(65) }],
    ['authority', { authority: 'A\nB' }],
    ['payerTag', { payerTag: '' }],
    ['payerTag', { payerTag: null }],
    ['payerTag', { payerTag: 'A'.repeat(65) }],
    ['fields', { fields: [] }],
    ['fields', { fields: null }],
    ['fields', { fields: 'x' }],
    ['fields', { fields: { a: undefined } }],
    ['fields', { fields: { a: 2 ** 60 } }],
    ['fields', { fields: { a: 'x\u202ey' } }],
    ['fields', { fields: { 'Amount\u200b': 1 } }],
    ['fields', { fields: { a: 'x\ny' } }],
    ['fields', { fields: { a: [{ b: ['\u2800'] }] } }],
    ['fields', { fields: { a: { 'b\u0000': null } } }],
    ['fields', { fields: { a: 'x'.repeat(505) } }],
    ['record', { amount: '1.00' }],
  ]
  for (const [member, change] of refused)
    it(`refuses ${JSON.stringify(change, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)).slice(0, 60)}, naming ${member}`, () => {
      const error = expectError(
        () => checkPaymentRecord({ ...paymentRecord(), ...change }),
        'PAYMENT_INVALID',
      )
      expect(error.details).to.deep.equal({ member })
      expect(error.message).to.match(new RegExp(`^${member} `))
    })

  it('refuses what is no object, and a record that lacks a member', () => {
    for (const value of [null, undefined, [], 'x', 1])
      expectError(() => checkPaymentRecord(value), 'PAYMENT_INVALID')
    for (const name of Object.keys(paymentRecord())) {
      const { [name]: _, ...lacking } = { ...paymentRecord() } as Record<string, unknown>
      expectError(() => checkPaymentRecord(lacking), 'PAYMENT_INVALID')
    }
  })

  it('never quotes what is in a record', () => {
    const planted = 'Planted-Person'
    for (const change of [
      { orderId: `${planted}\u0000` },
      { payerTag: `${planted}\u0000` },
      { authority: `${planted}\u0000` },
      { fields: { [planted]: Number.NaN } },
      { [planted]: 1 },
      { period: planted },
      { paidAt: planted },
    ]) {
      const error = expectError(
        () => checkPaymentRecord({ ...paymentRecord(), ...change }),
        'PAYMENT_INVALID',
      )
      expect(JSON.stringify([error.message, error.details, error.stack])).not.to.include(planted)
    }
  })

  it('takes an order id that only begins like a key', () => {
    for (const orderId of [
      `0x${'a'.repeat(63)}`,
      `0x${'a'.repeat(65)}`,
      'a'.repeat(64),
      `1x${'a'.repeat(64)}`,
    ])
      expect(checkPaymentRecord(paymentRecord({ orderId })).orderId).to.equal(orderId)
  })

  it('takes an amount of zero, minus zero as zero, and every bound', () => {
    expect(Object.is(checkPaymentRecord(paymentRecord({ amountMinor: -0 })).amountMinor, 0)).to.equal(true)
    checkPaymentRecord(
      paymentRecord({
        orderId: '税'.repeat(32),
        amountMinor: Number.MAX_SAFE_INTEGER,
        authority: 'A'.repeat(64),
        payerTag: 'A'.repeat(64),
        fields: { a: 'x'.repeat(504) },
        period: '2024-02-29',
        paidAt: '2024-02-29T23:59:59Z',
      }),
    )
  })
})

describe('net amount', () => {
  const versions = (...list: [Parameters<typeof netAmount>[0][number]['kind'], number, string?][]) =>
    list.map(([kind, amountMinor, currency = 'GBP'], i) => ({ version: i + 1, kind, amountMinor, currency }))

  it('follows payment, correction, refund and reversal', () => {
    expect(netAmount(versions(['payment', 500]))).to.equal(500)
    expect(netAmount(versions(['payment', 500], ['correction', 700]))).to.equal(700)
    expect(netAmount(versions(['payment', 500], ['correction', 700], ['refund', 200]))).to.equal(500)
    expect(netAmount(versions(['payment', 500], ['refund', 200], ['correction', 450]))).to.equal(450)
    expect(netAmount(versions(['payment', 500], ['reversal', 500]))).to.equal(0)
    expect(netAmount(versions(['payment', 500], ['reversal', 500], ['correction', 300]))).to.equal(300)
    expect(netAmount(versions(['refund', 200]))).to.equal(-200)
    expect(netAmount(versions(['refund', 200], ['refund', 100]))).to.equal(-300)
    expect(netAmount(versions(['refund', 200], ['reversal', 200]))).to.equal(0)
    expect(netAmount(versions(['payment', 500, 'GBP'], ['correction', 500, 'EUR']))).to.equal(500)
  })

  it('refuses no versions, a missing one, a correction of no payment, another currency, and a sum that no number holds', () => {
    const refuse = (list: Parameters<typeof netAmount>[0]) =>
      expectError(() => netAmount(list), 'PAYMENT_INVALID')
    refuse([])
    refuse(versions(['payment', 5], ['refund', 1]).slice(1))
    refuse(versions(['payment', 5], ['refund', 1]).reverse())
    refuse(versions(['refund', 5], ['correction', 4]))
    refuse(versions(['refund', 5], ['reversal', 5], ['correction', 4]))
    refuse(versions(['payment', 5, 'GBP'], ['refund', 1, 'EUR']))
    refuse(versions(['payment', 5, 'GBP'], ['reversal', 5, 'EUR']))
    refuse(versions(['refund', Number.MAX_SAFE_INTEGER], ['refund', Number.MAX_SAFE_INTEGER]))
  })
})
