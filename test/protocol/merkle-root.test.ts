import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex } from '../../protocol/hex.ts'
import { merkleNodes, merkleProofFrom, merkleRootBytes } from '../../protocol/merkle-root.ts'
import { merkleProofOf, merkleRootOf } from '../../protocol/record-book.ts'

const word = fc.uint8Array({ minLength: 32, maxLength: 32 })
const pairs = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 40 })
const rootOf = (entries: readonly (readonly [Uint8Array, Uint8Array])[]) =>
  bytesToHex(
    merkleRootBytes({
      length: entries.length,
      key: (i) => entries[i]![0],
      digest: (i) => entries[i]![1],
    }),
  )

describe('Merkle root over bytes', () => {
  it("is the library's, and the protocol's", () => {
    fc.assert(
      fc.property(pairs, (entries) => {
        const texts = entries.map(([key, digest]): [string, string] => [bytesToHex(key), bytesToHex(digest)])
        const tree = StandardMerkleTree.of(texts, ['bytes32', 'bytes32'], { sortLeaves: false })
        expect(rootOf(entries)).to.equal(tree.root)
        expect(rootOf(entries)).to.equal(
          merkleRootOf(
            entries.map(([key, digest]) => ({ key: bytesToHex(key), digest: bytesToHex(digest) })),
          ),
        )
      }),
    )
  })

  it('takes pairs of equal hashes', () => {
    const same = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const
    const texts = [same, same, same, same].map(([key, digest]) => [bytesToHex(key), bytesToHex(digest)])
    const tree = StandardMerkleTree.of(texts, ['bytes32', 'bytes32'], { sortLeaves: false })
    expect(rootOf([same, same, same, same])).to.equal(tree.root)
  })

  it("gives the library's proofs", () => {
    fc.assert(
      fc.property(pairs, (entries) => {
        const texts = entries.map(([key, digest]) => ({ key: bytesToHex(key), digest: bytesToHex(digest) }))
        const nodes = merkleNodes({
          length: entries.length,
          key: (i) => entries[i]![0],
          digest: (i) => entries[i]![1],
        })
        for (const i of texts.keys())
          expect(merkleProofFrom(nodes, i).map((node) => bytesToHex(node))).to.deep.equal(
            merkleProofOf(texts, i),
          )
      }),
      { numRuns: 30 },
    )
  })

  it('refuses no leaves', () => {
    expect(() => rootOf([])).to.throw(RangeError)
  })
})
