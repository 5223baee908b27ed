import { hkdfSync } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex, hexToBytes, toAddress } from '../../protocol/hex.ts'
import { deriveSalt } from '../../protocol/salt.ts'
import { expectError } from '../support/expect-error.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const bytes32 = bytes(32).map(bytesToHex)
const input = fc.record({
  secret: fc.uint8Array({ minLength: 32, maxLength: 64 }),
  key: bytes32,
  author: bytes(20).map((b) => toAddress(bytesToHex(b))),
  share: bytes32,
})

describe('salt', () => {
  it('is the HKDF of RFC 5869 over secret, share, key and author', () => {
    fc.assert(
      fc.property(input, ({ secret, key, author, share }) => {
        const info = Buffer.concat([Buffer.from('countersign.salt.v1'), hexToBytes(key), hexToBytes(author)])
        const expected = Buffer.from(hkdfSync('sha256', secret, hexToBytes(share), info, 32)).toString('hex')
        expect(deriveSalt({ secret, key, author, share })).to.equal(`0x${expected}`)
      }),
    )
  })

  it('differs when the secret, the key, the author or the share does', () => {
    fc.assert(
      fc.property(input, input, (a, b) => {
        const salts = [
          a,
          { ...a, secret: b.secret },
          { ...a, key: b.key },
          { ...a, author: b.author },
          { ...a, share: b.share },
        ]
        expect(new Set(salts.map(deriveSalt)).size).to.equal(5)
      }),
    )
  })

  it('refuses a short secret', () => {
    expectError(
      () => deriveSalt({ ...fc.sample(input, 1)[0]!, secret: new Uint8Array(31) }),
      'SALT_SECRET_TOO_SHORT',
    )
  })
})
