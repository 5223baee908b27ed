import { expect } from 'chai'
import { AbiCoder, Interface } from 'ethers'
import fc from 'fast-check'
import { RECORD_BOOK_ABI } from '../../../../protocol/abi/record-book.ts'
import { bytesToHex, type Hex, toAddress } from '../../../../protocol/hex.ts'
import {
  decodeDigests,
  encodeDigestsOf,
  encodeRecording,
} from '../../../../services/party/book-writer/call-data.ts'

const book = new Interface(RECORD_BOOK_ABI)
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((value) => bytesToHex(value))
const entries = fc.array(fc.record({ key: bytes(32), digest: bytes(32) }), { minLength: 2, maxLength: 40 })

describe('call data of a recording', () => {
  it('is what a general encoder makes of a batch', () => {
    fc.assert(
      fc.property(entries, (batch) => {
        expect(bytesToHex(encodeRecording(batch))).to.equal(book.encodeFunctionData('recordBatch', [batch]))
      }),
    )
  })

  it('records one entry by record', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (key, digest) => {
        expect(bytesToHex(encodeRecording([{ key, digest }]))).to.equal(
          book.encodeFunctionData('record', [key, digest]),
        )
      }),
    )
  })

  it('asks for digests as a general encoder does', () => {
    fc.assert(
      fc.property(bytes(20), fc.array(bytes(32), { maxLength: 20 }), (author, keys) => {
        const address = toAddress(author)
        expect(encodeDigestsOf(address, keys)).to.equal(book.encodeFunctionData('digestsOf', [address, keys]))
      }),
    )
  })

  it('reads digests back', () => {
    fc.assert(
      fc.property(fc.array(bytes(32), { maxLength: 20 }), (digests: Hex[]) => {
        const returned = AbiCoder.defaultAbiCoder().encode(['bytes32[]'], [digests])
        expect(decodeDigests(returned, digests.length)).to.deep.equal(digests)
      }),
    )
  })

  it('refuses an answer of another length', () => {
    const returned = AbiCoder.defaultAbiCoder().encode(['bytes32[]'], [[]])
    expect(() => decodeDigests(returned, 1)).to.throw('2 words for 1 keys')
  })
})
