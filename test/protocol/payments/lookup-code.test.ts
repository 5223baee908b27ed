import { hkdfSync } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { hexToBytes } from '../../../protocol/hex.ts'
import { formatLookupCode, newLookupCode, readLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { deriveLookupCode } from '../../../protocol/payments/lookup-code-derivation.ts'
import { expectError } from '../../support/expect-error.ts'
import { bytes, bytes32, PLACE } from './payment-arbitrary.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const code = bytes(16)

describe('lookup code', () => {
  it('is read back from what is printed', () => {
    fc.assert(
      fc.property(code, (value) => {
        const text = formatLookupCode(value)
        expect(text).to.match(/^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/)
        expect(readLookupCode(text)).to.deep.equal(value)
      }),
      { numRuns: 500 },
    )
  })

  it('prints its bits in order', () => {
    fc.assert(
      fc.property(code, (value) => {
        const bits = [...value].map((byte) => byte.toString(2).padStart(8, '0')).join('')
        const characters = bits
          .slice(0, 125)
          .match(/.{5}/g)!
          .map((five) => ALPHABET[Number.parseInt(five, 2)])
        expect(formatLookupCode(value).replace(/-/g, '').slice(0, 25)).to.equal(characters.join(''))
      }),
    )
  })

  it('forgives case, blanks, hyphens, full-width forms, O for 0, and I or L for 1', () => {
    fc.assert(
      fc.property(code, (value) => {
        const text = formatLookupCode(value)
        for (const typed of [
          text.toLowerCase(),
          text.replace(/-/g, ''),
          text.replace(/-/g, ' – '),
          ` ${text}\n`,
          text.replace(/0/g, 'O').replace(/1/g, 'I'),
          text.toLowerCase().replace(/0/g, 'o').replace(/1/g, 'l'),
          text.replace(/[0-9A-Z]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0)),
        ])
          expect(readLookupCode(typed)).to.deep.equal(value)
      }),
    )
  })

  it('tells every wrong character and every two neighbours changed over', () => {
    for (const value of fc.sample(code, 10)) {
      const text = formatLookupCode(value).replace(/-/g, '')
      for (let at = 0; at < text.length; at++) {
        for (const other of ALPHABET)
          if (other !== text[at])
            expectError(
              () => readLookupCode(text.slice(0, at) + other + text.slice(at + 1)),
              'LOOKUP_CODE_MISTYPED',
            )
        const [a, b] = [text[at], text[at + 1]]
        if (b !== undefined && a !== b)
          expectError(
            () => readLookupCode(text.slice(0, at) + b + a + text.slice(at + 2)),
            'LOOKUP_CODE_MISTYPED',
          )
      }
    }
  })

  it('refuses what has another length or other characters, without quoting it', () => {
    const text = formatLookupCode(newLookupCode())
    for (const typed of [
      '',
      text.slice(1),
      `${text}0`,
      text.replace(/./, 'U'),
      text.replace(/./, '税'),
      'Z'.repeat(10_000),
    ]) {
      const error = expectError(() => readLookupCode(typed), 'LOOKUP_CODE_MISTYPED')
      expect(error.message).not.to.include(text.slice(5))
    }
    expectError(() => formatLookupCode(new Uint8Array(15)), 'LOOKUP_CODE_MISTYPED')
  })

  it('is new each time', () => {
    expect(new Set(Array.from({ length: 1000 }, () => formatLookupCode(newLookupCode()))).size).to.equal(1000)
  })
})

describe('lookup code of an office', () => {
  it('is the HKDF of RFC 5869 over secret, share, order and office', () => {
    fc.assert(
      fc.property(bytes(32), bytes32, bytes32, (secret, orderKey, share) => {
        const info = Buffer.concat([
          Buffer.from('countersign.lookup-code.v1'),
          hexToBytes(orderKey),
          hexToBytes(PLACE.office),
        ])
        const expected = new Uint8Array(hkdfSync('sha256', secret, hexToBytes(share), info, 16))
        expect(deriveLookupCode({ secret, orderKey, office: PLACE.office, share })).to.deep.equal(expected)
      }),
    )
  })

  it('refuses a short secret', () => {
    const [orderKey, share] = fc.sample(bytes32, 2) as [`0x${string}`, `0x${string}`]
    expectError(
      () => deriveLookupCode({ secret: new Uint8Array(31), orderKey, office: PLACE.office, share }),
      'SLIP_SECRET_TOO_SHORT',
    )
  })
})
