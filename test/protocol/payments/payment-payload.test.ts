import { expect } from 'chai'
import fc from 'fast-check'
import { isCountersignError } from '../../../protocol/errors.ts'
import { bytesToHex, type Hex, hexToBytes } from '../../../protocol/hex.ts'
import { KNOWN_CATEGORIES } from '../../../protocol/payments/payment-category.ts'
import { decodePayload, encodePublicPayload } from '../../../protocol/payments/payment-payload.ts'
import { expectError } from '../../support/expect-error.ts'
import { anyRecord, paymentRecord } from './payment-arbitrary.ts'

const content = ({ orderId: _, version: __, payerTag: ___, ...rest } = paymentRecord()) => rest
const anyContent = anyRecord.map(content)

/** What decoding gives, or that the bytes are refused as a payload; any other error fails the test. */
function decodeOrRefuse(payload: Hex): ReturnType<typeof decodePayload> | undefined {
  try {
    return decodePayload(payload)
  } catch (error) {
    if (isCountersignError(error, 'PAYMENT_PAYLOAD_MALFORMED')) return undefined
    throw error
  }
}

/** A payload that is taken must be the one that its content has. */
function expectOnlyForm(payload: Hex): void {
  const decoded = decodeOrRefuse(payload)
  if (decoded === undefined || decoded.visibility === 'sealed') return
  const { visibility: _, ...rest } = decoded
  expect(encodePublicPayload(rest)).to.equal(payload)
}

describe('payment payload', () => {
  it('gives back the content that it was made of', () => {
    fc.assert(
      fc.property(anyContent, (value) => {
        const payload = encodePublicPayload(value)
        expect(decodePayload(payload)).to.deep.equal({ visibility: 'public', ...value })
        expect(hexToBytes(payload).length).to.be.at.most(1024)
      }),
      { numRuns: 500 },
    )
  })

  it('has one form: bytes changed, cut or lengthened are refused or mean something else', () => {
    fc.assert(
      fc.property(
        anyContent,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.uint8Array(),
        (value, at, flip, more) => {
          const bytes = hexToBytes(encodePublicPayload(value))
          const changed = bytes.slice()
          changed[at % bytes.length]! ^= flip
          expectOnlyForm(bytesToHex(changed))
          expectOnlyForm(bytesToHex(bytes.slice(0, at % bytes.length)))
          expectOnlyForm(bytesToHex(new Uint8Array([...bytes, ...more])))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('takes or refuses any bytes at all, and never fails otherwise', () => {
    const header = fc.tuple(fc.constantFrom(1, 2), fc.nat(255), fc.nat(KNOWN_CATEGORIES.length + 2))
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 80 }), (head, rest) =>
        expectOnlyForm(bytesToHex(new Uint8Array([...head, ...rest]))),
      ),
      { numRuns: 5000 },
    )
  })

  describe('refuses another byte form of a content', () => {
    const payload = encodePublicPayload(content())
    const known = KNOWN_CATEGORIES.indexOf('business-rates') + 1
    const replaced = (at: number, ...bytes: number[]): Hex => {
      const changed = [...hexToBytes(payload)]
      changed.splice(at, bytes.length, ...bytes)
      return bytesToHex(new Uint8Array(changed))
    }
    const inline = [0, 'business-rates'.length, ...Buffer.from('business-rates')]
    const forms: [string, Hex][] = [
      [
        'a known category as text',
        `0x${payload.slice(2, 6)}${Buffer.from(inline).toString('hex')}${payload.slice(8)}`,
      ],
      ['an unknown category code', replaced(2, KNOWN_CATEGORIES.length + 1)],
      ['spare bits of the second byte', replaced(1, hexToBytes(payload)[1]! | 1)],
      ['an unknown form of period', replaced(1, 7 << 3)],
      ['a month past the last year', replaced(3, 0xff, 0xff)],
      ['an unknown format', replaced(0, 3)],
      ['a currency of no letters', replaced(12, 0xff)],
      ['a day past the last year', replaced(13, 0xaf, 0xff, 0xff)],
      ['a flag for a payer tag', replaced(5, 2 << 5)],
      ['a text that is not UTF-8', replaced(20, 0xff)],
      ['nothing', '0x'],
    ]
    for (const [what, form] of forms)
      it(what, () => {
        expectError(() => decodePayload(form), 'PAYMENT_PAYLOAD_MALFORMED')
      })
    it('has the known category as a code at all', () => expect(hexToBytes(payload)[2]).to.equal(known))
  })

  it('shows kind, category and period of a sealed one, and refuses one too short to hold anything', () => {
    const clear = encodePublicPayload(content()).slice(4, 12)
    const sealed: Hex = `0x02${clear}${'ab'.repeat(28)}`
    expect(decodePayload(sealed)).to.deep.include({
      visibility: 'sealed',
      kind: 'payment',
      category: 'business-rates',
      period: '2015-06',
    })
    expectError(() => decodePayload(sealed.slice(0, -2) as Hex), 'PAYMENT_PAYLOAD_MALFORMED')
    expectError(() => decodePayload(`0x02${'00'.repeat(1024)}`), 'PAYMENT_PAYLOAD_MALFORMED')
  })

  it('of a public record has no payer tag', () => {
    expectError(() => encodePublicPayload({ ...content(), payerTag: 'T-1' }), 'PAYMENT_INVALID')
  })

  it('keeps the codes of categories: their order is part of the format', () => {
    expect(new Set(KNOWN_CATEGORIES).size).to.equal(KNOWN_CATEGORIES.length)
    expect(KNOWN_CATEGORIES.length).to.be.below(256)
    expect(KNOWN_CATEGORIES.slice(0, 4)).to.deep.equal([
      'tax',
      'income-tax',
      'payroll-tax',
      'corporation-tax',
    ])
    expect(KNOWN_CATEGORIES.indexOf('benefit')).to.equal(39)
  })

  it('has the same length whatever the amount', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (amountMinor) => {
        expect(encodePublicPayload({ ...content(), amountMinor }).length).to.equal(
          encodePublicPayload(content()).length,
        )
      }),
    )
  })
})
