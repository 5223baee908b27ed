import { expect } from 'chai'
import { ethers } from 'ethers'
import fc from 'fast-check'
import { bytesToHex } from '../../protocol/hex.ts'
import { keyToSerial, newSerial, parseSerial, serialTime, serialToKey } from '../../protocol/serial.ts'
import { expectError } from '../support/expect-error.ts'

describe('serial', () => {
  it('is a ULID that carries its time', () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
    const serial = newSerial(now)
    expect(serial).to.match(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    expect(serialTime(serial)).to.equal(now)
  })

  it('ascends, also within a millisecond', () => {
    const serials = Array.from({ length: 1000 }, () => newSerial())
    expect([...serials].sort()).to.deep.equal(serials)
    expect(new Set(serials).size).to.equal(1000)
  })

  it('reads as text on chain and comes back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 47 }), (time) => {
        const serial = newSerial(time)
        const key = serialToKey(serial)
        expect(ethers.toUtf8String(key).replace(/\0+$/, '')).to.equal(serial)
        expect(keyToSerial(key)).to.equal(serial)
      }),
    )
  })

  for (const [what, text] of [
    ['a lower-case one', newSerial().toLowerCase()],
    ['a short one', newSerial().slice(1)],
    ['a letter outside the alphabet', `${newSerial().slice(1)}U`],
    ['one past the largest time', `8${'0'.repeat(25)}`],
    ['nothing', ''],
  ] as const)
    it(`refuses ${what}`, () => {
      expectError(() => parseSerial(text), 'SERIAL_MALFORMED')
    })

  it('refuses a key that is not a padded serial', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expectError(() => keyToSerial(bytesToHex(bytes)), 'SERIAL_MALFORMED')
      }),
    )
  })
})
