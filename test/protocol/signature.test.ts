import { expect } from 'chai'
import { ethers } from 'ethers'
import fc from 'fast-check'
import { type Bytes32, bytesToHex, type Hex } from '../../protocol/hex.ts'
import { backend as native } from '../../protocol/secp256k1/native.ts'
import { backend as noble } from '../../protocol/secp256k1/noble.ts'
import { addressOf, recoverSigner, signHash } from '../../protocol/signature.ts'
import { expectError } from '../support/expect-error.ts'

const word = fc.uint8Array({ minLength: 32, maxLength: 32 })
const privateKey = word.filter((bytes) => bytes[0]! > 0 && bytes[0]! < 0xff)
const ORDER = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')

describe('signature', () => {
  it('is the same from the native and the pure curve, and from ethers', () => {
    fc.assert(
      fc.property(word, privateKey, (hash, key) => {
        const a = native.sign(hash, key)
        const b = noble.sign(hash, key)
        expect(bytesToHex(a.rs)).to.equal(bytesToHex(b.rs))
        expect(a.recovery).to.equal(b.recovery)
        const wallet = new ethers.Wallet(bytesToHex(key))
        const signature = signHash(bytesToHex(hash), bytesToHex(key))
        expect(signature).to.equal(wallet.signingKey.sign(hash).serialized)
        expect(recoverSigner(bytesToHex(hash), signature)).to.equal(wallet.address)
        expect(addressOf(bytesToHex(key))).to.equal(wallet.address)
        expect(bytesToHex(noble.recover(hash, b.rs, b.recovery))).to.equal(
          bytesToHex(native.recover(hash, a.rs, a.recovery)),
        )
        expect(bytesToHex(noble.publicKeyOf(key))).to.equal(bytesToHex(native.publicKeyOf(key)))
      }),
      { numRuns: 30 },
    )
  })

  it('refuses the twin with high s', () => {
    const hash = ethers.id('twin') as Bytes32
    const { r, s, v } = ethers.Signature.from(signHash(hash, ethers.id('key') as Bytes32))
    const twin = ethers.concat([r, ethers.toBeHex(ORDER - BigInt(s), 32), v === 27 ? '0x1c' : '0x1b']) as Hex
    expectError(() => recoverSigner(hash, twin), 'SIGNATURE_MALFORMED')
  })

  for (const [what, signature] of [
    ['a short signature', '0x1234'],
    ['v that is neither 27 nor 28', `0x${'11'.repeat(64)}00`],
    ['r and s of zero', `0x${'00'.repeat(64)}1b`],
    ['r past the order', `0x${'ff'.repeat(32)}${'11'.repeat(32)}1b`],
  ] as const)
    it(`refuses ${what}`, () => {
      expectError(() => recoverSigner(ethers.id('x') as Bytes32, signature), 'SIGNATURE_MALFORMED')
    })
})
