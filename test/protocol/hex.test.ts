import { expect } from 'chai'
import { ethers } from 'ethers'
import fc from 'fast-check'
import { bytesToHex, hexToBytes, isBytes32, isSameAddress, toAddress, toBytes32 } from '../../protocol/hex.ts'
import { keccak256 as noble } from '../../protocol/keccak256/noble.ts'
import { keccak256 as wasm } from '../../protocol/keccak256/wasm.ts'
import { expectError } from '../support/expect-error.ts'

describe('hex', () => {
  it('comes back from bytes, as ethers writes it', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bytesToHex(bytes)).to.equal(ethers.hexlify(bytes))
        expect(hexToBytes(bytesToHex(bytes))).to.deep.equal(bytes)
        expect(hexToBytes(`0x${bytesToHex(bytes).slice(2).toUpperCase()}`)).to.deep.equal(bytes)
      }),
    )
  })

  it('refuses every text that is not hexadecimal data', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
        for (const candidate of [text, `0x${text}`])
          if (!/^0x([0-9a-fA-F]{2})*$/.test(candidate))
            expectError(() => hexToBytes(candidate), 'HEX_MALFORMED')
          else hexToBytes(candidate)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is held to a length', () => {
    expect(toBytes32(`0x${'AB'.repeat(32)}`)).to.equal(`0x${'ab'.repeat(32)}`)
    expectError(() => toBytes32('0x00'), 'HEX_MALFORMED')
    expect([
      isBytes32(`0x${'ab'.repeat(32)}`),
      isBytes32(`0x${'AB'.repeat(32)}`),
      isBytes32(7),
    ]).to.deep.equal([true, false, false])
  })

  it('gives addresses the checksum of EIP-55', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        const address = ethers.getAddress(ethers.hexlify(bytes))
        expect(toAddress(bytesToHex(bytes))).to.equal(address)
        expect(toAddress(address)).to.equal(address)
        expect(isSameAddress(address, bytesToHex(bytes))).to.equal(true)
      }),
    )
  })

  it('refuses what is no address, or has a wrong checksum', () => {
    for (const text of ['', '0x12', `${'1'.repeat(42)}`, '0xFB6916095ca1df60bB79Ce92cE3Ea74c37c5d359'])
      expectError(() => toAddress(text), 'ADDRESS_MALFORMED')
  })
})

describe('keccak256', () => {
  it('is the same in WebAssembly, in JavaScript and from ethers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const expected = ethers.keccak256(bytes)
        expect(bytesToHex(wasm(bytes))).to.equal(expected)
        expect(bytesToHex(noble(bytes))).to.equal(expected)
      }),
    )
  })
})
