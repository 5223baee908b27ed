import { expect } from 'chai'
import fc from 'fast-check'
import { foldAnchorBytes, foldPublicationBytes, foldRecordBytes } from '../../../indexer/chain/head-fold.ts'
import { bytesToHex } from '../../../protocol/hex.ts'
import { foldAnchor, foldPublication, foldRecord } from '../../../protocol/record-book.ts'

const word = () => fc.uint8Array({ minLength: 32, maxLength: 32 })
const uint64 = () => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

describe('head fold over bytes', () => {
  it('folds a record as the protocol does', () =>
    fc.assert(
      fc.property(word(), word(), word(), (head, key, digest) => {
        expect(bytesToHex(foldRecordBytes(head, key, digest))).to.equal(
          foldRecord(bytesToHex(head), bytesToHex(key), bytesToHex(digest)),
        )
      }),
    ))

  it('folds a publication as the protocol does', () =>
    fc.assert(
      fc.property(word(), word(), fc.nat(), (head, root, count) => {
        expect(bytesToHex(foldPublicationBytes(head, root, count))).to.equal(
          foldPublication(bytesToHex(head), bytesToHex(root), count),
        )
      }),
    ))

  it('folds an anchor as the protocol does, up to the largest leaf count', () =>
    fc.assert(
      fc.property(word(), word(), uint64(), (head, root, count) => {
        expect(bytesToHex(foldAnchorBytes(head, root, count))).to.equal(
          foldAnchor(bytesToHex(head), bytesToHex(root), count),
        )
      }),
    ))
})
