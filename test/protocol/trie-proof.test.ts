import { createMerkleProof, createMPT, type MerklePatriciaTrie } from '@ethereumjs/mpt'
import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex, keccak256, utf8ToBytes } from '../../protocol/hex.ts'
import { encodeRlp, type RlpItem } from '../../protocol/rlp.ts'
import { EMPTY_TRIE_ROOT, readTrieProof, selectTrieProof } from '../../protocol/trie-proof.ts'
import { refusal } from '../support/expect-error.ts'

type Entries = readonly (readonly [key: Uint8Array, value: Uint8Array])[]

async function trieOf(entries: Entries): Promise<MerklePatriciaTrie> {
  const trie = await createMPT()
  for (const [key, value] of entries) await trie.put(key, value)
  return trie
}

/** Keys of little variety share prefixes and are prefixes of each other; short values make nodes stand in their parents. */
const anyKey = fc.array(fc.constantFrom(0x00, 0x01, 0x10, 0x11, 0x12, 0xff), { minLength: 1, maxLength: 4 })
const anyEntry = fc.tuple(
  anyKey.map((key) => Uint8Array.from(key)),
  fc.uint8Array({ minLength: 1, maxLength: 40 }),
)

/** A trie of four receipts' worth of entries, the proof of one, and what is needed to break it. */
async function smallTrie() {
  const key = utf8ToBytes('key 2')
  const value = utf8ToBytes('the value at key 2, long enough to be hashed')
  const trie = await trieOf([
    [utf8ToBytes('key 1'), utf8ToBytes('the value at key 1, long enough to be hashed')],
    [key, value],
    [utf8ToBytes('key 3'), utf8ToBytes('the value at key 3, long enough to be hashed')],
    [utf8ToBytes('kez 4'), utf8ToBytes('the value at kez 4, long enough to be hashed')],
  ])
  const nodes = await createMerkleProof(trie, key)
  expect(nodes).to.have.length(5)
  return { root: trie.root(), key, value, nodes }
}

describe('trie proof', () => {
  describe('readTrieProof', () => {
    it('agrees with the library on what a trie holds and what it does not', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyEntry, { minLength: 1, maxLength: 20 }),
          anyKey,
          async (entries, other) => {
            const trie = await trieOf(entries)
            for (const key of [...entries.map(([each]) => each), Uint8Array.from(other)]) {
              const held = await trie.get(key)
              // The library adds nodes that their parent already contains.
              const answered = await createMerkleProof(trie, key)
              const { nodes } = selectTrieProof(trie.root(), key, answered, 'proof')
              const read = readTrieProof(trie.root(), key, nodes, 'proof')
              expect(read && bytesToHex(read)).to.equal(held ? bytesToHex(held) : undefined)
            }
          },
        ),
      )
    })

    it('needs no node to know that an empty trie holds nothing', async () => {
      expect(EMPTY_TRIE_ROOT).to.deep.equal((await createMPT()).root())
      expect(readTrieProof(EMPTY_TRIE_ROOT, utf8ToBytes('key'), [], 'proof')).to.equal(undefined)
    })

    it('refuses a node missing, too many, exchanged, or doubled', async () => {
      const { root, key, value, nodes } = await smallTrie()
      expect(readTrieProof(root, key, nodes, 'proof')).to.deep.equal(value)
      const reason = async (changed: Uint8Array[]) =>
        (await refusal(() => readTrieProof(root, key, changed, 'proof'))).message
      expect(await reason([])).to.include('node 0 is missing')
      expect(await reason(nodes.slice(0, -1))).to.include('node 4 is missing')
      expect(await reason(nodes.slice(1))).to.include('node 0 does not hash')
      expect(await reason([...nodes, nodes[0]!])).to.include('1 nodes are not on the way')
      expect(await reason([nodes[0]!, ...nodes])).to.include('node 1 does not hash')
      expect(await reason([...nodes].reverse())).to.include('node 0 does not hash')
      expect(await reason([...nodes, new Uint8Array()])).to.include('1 nodes are not on the way')
    })

    for (const [what, node, reason] of [
      ['a node that is no list', new Uint8Array(40), 'expected an RLP list'],
      ['a node of three items', [new Uint8Array(), new Uint8Array(), new Uint8Array()], 'expected 2 items'],
      ['an unknown kind of node', [Uint8Array.of(0x40), Uint8Array.of(1)], 'unknown kind of node'],
      ['a path without its prefix', [new Uint8Array(), Uint8Array.of(1)], 'unknown kind of node'],
      ['padding that is not zero', [Uint8Array.of(0x21, 0xaa), Uint8Array.of(1)], 'padding of a path'],
      ['an extension of no length', [Uint8Array.of(0x00), new Uint8Array(32)], 'extension of no length'],
      ['a leaf without a value', [Uint8Array.of(0x20, 0xaa), new Uint8Array()], 'leaf without a value'],
      ['an extension to nothing', [Uint8Array.of(0x1a), new Uint8Array()], 'expected 32 bytes, got 0'],
      [
        'a reference of the wrong length',
        [Uint8Array.of(0x1a), new Uint8Array(31)],
        'expected 32 bytes, got 31',
      ],
      ['a branch whose value is a list', [...Array(16).fill(new Uint8Array()), []], 'expected a byte string'],
    ] as [string, RlpItem, string][]) {
      it(`refuses ${what}, though it hashes to the root`, async () => {
        const encoded = encodeRlp(node)
        const key = what.startsWith('a branch') ? new Uint8Array() : Uint8Array.of(0xaa)
        const error = await refusal(() => readTrieProof(keccak256(encoded), key, [encoded], 'proof'))
        expect(error.code).to.equal('PROOF_INVALID')
        expect(error.message).to.include(reason)
      })
    }
  })

  describe('selectTrieProof', () => {
    it('puts nodes in order and leaves out those that are not on the way', async () => {
      const { root, key, value, nodes } = await smallTrie()
      const answered = [new Uint8Array([0x80]), ...[...nodes].reverse(), nodes[2]!]
      expect(selectTrieProof(root, key, answered, 'proof')).to.deep.equal({ value, nodes })
    })

    it('refuses when one is missing', async () => {
      const { root, key, nodes } = await smallTrie()
      const error = await refusal(() => selectTrieProof(root, key, nodes.slice(0, 2), 'proof'))
      expect(error.message).to.include('is missing')
    })
  })
})
