import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { expect } from 'chai'
import { ethers } from 'ethers'
import fc from 'fast-check'
import { bytesToHex, toAddress } from '../../protocol/hex.ts'
import {
  digestSlot,
  EMPTY_HEAD,
  foldAnchor,
  foldPublication,
  foldRecord,
  foldRecords,
  headSlot,
  merkleProofOf,
  merkleRootOf,
  verifyMerkleProof,
} from '../../protocol/record-book.ts'
import { expectError } from '../support/expect-error.ts'
import { sharedData } from '../support/shared-data.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)
const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toAddress(bytesToHex(bytes)))
const entry = fc.record({ key: bytes32, digest: bytes32 })
const entries = fc.array(entry, { minLength: 1, maxLength: 40 })

describe('record book', () => {
  describe('head', () => {
    it('is keccak256 of the three words, entry after entry', () => {
      fc.assert(
        fc.property(entries, (entries) => {
          let head: string = EMPTY_HEAD
          for (const { key, digest } of entries)
            head = ethers.solidityPackedKeccak256(['bytes32', 'bytes32', 'bytes32'], [head, key, digest])
          expect(foldRecords(EMPTY_HEAD, entries)).to.equal(head)
        }),
      )
    })

    it('changes when an entry is left out, doubled, altered or moved', () => {
      const twoOrMore = fc.uniqueArray(entry, { minLength: 2, maxLength: 20, selector: ({ key }) => key })
      fc.assert(
        fc.property(twoOrMore, fc.nat(), bytes32, (entries, n, other) => {
          const i = n % (entries.length - 1)
          const whole = foldRecords(EMPTY_HEAD, entries)
          const altered = { ...entries[i]!, digest: other }
          for (const wrong of [
            entries.toSpliced(i, 1),
            entries.toSpliced(i, 0, entries[i]!),
            entries.toSpliced(i, 1, altered),
            entries.toSpliced(i, 2, entries[i + 1]!, entries[i]!),
          ])
            expect(foldRecords(EMPTY_HEAD, wrong)).to.not.equal(whole)
        }),
      )
    })

    it('takes records, publications and anchors apart', () => {
      fc.assert(
        fc.property(bytes32, bytes32, fc.integer({ min: 1 }), (head, root, count) => {
          const word = ethers.toBeHex(count, 32) as `0x${string}`
          const heads = [
            foldRecord(head, root, word),
            foldPublication(head, root, count),
            foldAnchor(head, root, count),
          ]
          expect(new Set(heads).size).to.equal(3)
        }),
      )
    })
  })

  describe('Merkle root', () => {
    it('agrees with the dumps of the OpenZeppelin suite', function () {
      const folder = sharedData(this, 'suite-merkle-openzeppelin', 'dumps')
      let checked = 0
      for (const name of readdirSync(folder)) {
        const dump = JSON.parse(readFileSync(path.join(folder, name), 'utf8'))
        if (dump.format !== 'standard-v1') continue
        const tree = StandardMerkleTree.load<unknown[]>(dump)
        tree.validate()
        for (const [i, value] of tree.entries())
          expect(
            StandardMerkleTree.verify(dump.tree[0], dump.leafEncoding, value, tree.getProof(i)),
          ).to.equal(true)
        checked++
      }
      expect(checked).to.be.above(0)
    })

    it('has a proof for every entry and for no other', () => {
      fc.assert(
        fc.property(entries, fc.nat(), entry, (entries, n, stranger) => {
          const index = n % entries.length
          const root = merkleRootOf(entries)
          const proof = merkleProofOf(entries, index)
          expect(verifyMerkleProof(root, entries[index]!, proof)).to.equal(true)
          expect(verifyMerkleProof(root, stranger, proof)).to.equal(false)
        }),
        { numRuns: 25 },
      )
    })

    it('refuses no entries', () => {
      expectError(() => merkleRootOf([]), 'BATCH_EMPTY')
    })
  })

  describe('storage slots', () => {
    it('are those of Solidity mappings', () => {
      fc.assert(
        fc.property(address, bytes32, fc.nat({ max: 20 }), (author, key, slot) => {
          const coder = ethers.AbiCoder.defaultAbiCoder()
          const inner = ethers.keccak256(coder.encode(['address', 'uint256'], [author, slot]))
          expect(headSlot(author, slot)).to.equal(inner)
          expect(digestSlot(author, key, slot)).to.equal(
            ethers.keccak256(coder.encode(['bytes32', 'bytes32'], [key, inner])),
          )
        }),
      )
    })
  })
})
