import { createMPT } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { expect } from 'chai'
import fc from 'fast-check'
import { rootOfReferences, SlotTwice, StorageTrie } from '../../../indexer/chain/storage-trie.ts'
import { bytesToHex, keccak256 } from '../../../protocol/hex.ts'

type Slots = readonly (readonly [Uint8Array, Uint8Array])[]

async function libraryRoot(slots: Slots): Promise<string> {
  const trie = await createMPT()
  for (const [key, value] of slots) {
    const zeros = value.findIndex((byte) => byte !== 0)
    if (zeros >= 0) await trie.put(key, RLP.encode(value.slice(zeros)))
  }
  return bytesToHex(trie.root())
}

function trieOf(slots: Slots): StorageTrie {
  const trie = new StorageTrie(1)
  for (const [key, value] of slots) trie.add(key, value)
  return trie
}

const word = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** Keys that agree for long, so that there are extensions of every length and leaves of almost none. */
const nearKey = fc.tuple(fc.nat(31), fc.nat(255), fc.nat(255)).map(([at, byte, last]) => {
  const key = new Uint8Array(32).fill(0x11)
  key[at] = byte
  key[31] = last
  return key
})
/** Small values make nodes of less than 32 bytes, which stand in their parents. */
const value = fc.oneof(
  word,
  fc.nat(255).map((byte) => {
    const small = new Uint8Array(32)
    small[31] = byte
    return small
  }),
)
const slotsOf = (key: fc.Arbitrary<Uint8Array>, maxLength: number) =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength, selector: ([bytes]) => bytesToHex(bytes) })

describe('storage trie', () => {
  it("has the library's root over any slots", () =>
    fc.assert(
      fc.asyncProperty(slotsOf(word, 200), async (slots) => {
        expect(bytesToHex(trieOf(slots).root())).to.equal(await libraryRoot(slots))
      }),
    ))

  it("has the library's root where keys agree for long", () =>
    fc.assert(
      fc.asyncProperty(slotsOf(nearKey, 40), async (slots) => {
        expect(bytesToHex(trieOf(slots).root())).to.equal(await libraryRoot(slots))
      }),
      { numRuns: 300 },
    ))

  for (const passes of [2, 4, 8, 16])
    it(`is the same made in ${passes} parts`, async () => {
      const slots = Array.from(
        { length: 3_000 },
        (_, i) => [keccak256(Uint8Array.of(i >> 8, i & 255)), keccak256(Uint8Array.of(i & 255))] as const,
      )
      const width = 16 / passes
      const references: (Uint8Array | undefined)[] = []
      for (let first = 0; first < 16; first += width) {
        const part = trieOf(slots.filter(([key]) => key[0]! >> 4 >= first && key[0]! >> 4 < first + width))
        references.push(...part.references().slice(first, first + width))
      }
      expect(bytesToHex(rootOfReferences(references))).to.equal(await libraryRoot(slots))
    })

  it('refuses one slot twice', () => {
    const key = keccak256(Uint8Array.of(1))
    const trie = trieOf([
      [key, new Uint8Array(32).fill(1)],
      [key, new Uint8Array(32).fill(2)],
    ])
    expect(() => trie.root()).to.throw(SlotTwice)
  })
})
