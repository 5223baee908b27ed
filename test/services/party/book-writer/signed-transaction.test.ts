import { expect } from 'chai'
import { Transaction } from 'ethers'
import fc from 'fast-check'
import { type Address, bytesToHex, type Hex, randomBytes32, toAddress } from '../../../../protocol/hex.ts'
import { addressOf } from '../../../../protocol/signature.ts'
import {
  callOf,
  isSameCall,
  signTransaction,
} from '../../../../services/party/book-writer/signed-transaction.ts'

const transactions = fc.record({
  chainId: fc.integer({ min: 1, max: 2 ** 31 }),
  nonce: fc.nat(),
  gasLimit: fc.nat({ max: 2 ** 24 }),
  maxFeePerGas: fc.bigInt({ min: 0n, max: 2n ** 80n }),
  maxPriorityFeePerGas: fc.constant(0n),
  to: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toAddress(bytesToHex(bytes))),
  data: fc.uint8Array({ maxLength: 300 }),
})

describe('a signed transaction', () => {
  it('is read by others as it was meant', () => {
    const key = randomBytes32()
    fc.assert(
      fc.property(transactions, (meant) => {
        const { raw, hash } = signTransaction(meant, key)
        const read = Transaction.from(raw)
        expect(read.hash).to.equal(hash)
        expect(read.from).to.equal(addressOf(key))
        expect({
          chainId: Number(read.chainId),
          nonce: read.nonce,
          gasLimit: Number(read.gasLimit),
          maxFeePerGas: read.maxFeePerGas,
          maxPriorityFeePerGas: read.maxPriorityFeePerGas,
          to: read.to,
          data: read.data,
        }).to.deep.equal({ ...meant, data: bytesToHex(meant.data) })
        expect(read.serialized).to.equal(raw)
        expect(isSameCall(callOf(raw), { to: read.to as Address, data: read.data as Hex })).to.equal(true)
      }),
    )
  })
})
