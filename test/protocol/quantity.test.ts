import { expect } from 'chai'
import { ethers } from 'ethers'
import fc from 'fast-check'
import { toQuantity } from '../../protocol/quantity.ts'

describe('toQuantity', () => {
  it('writes zero with its one digit', () => expect(toQuantity(0)).to.equal('0x0'))

  it('writes numbers as ethers does', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (number, large) => {
        expect(toQuantity(number)).to.equal(ethers.toQuantity(number))
        expect(toQuantity(large)).to.equal(ethers.toQuantity(large))
      }),
    )
  })
})
