import { expect } from 'chai'
import type { Address, Bytes32 } from '../../../../protocol/hex.ts'
import {
  NonceSearch,
  type NonceUse,
  type ScanStart,
  type SearchedNonce,
} from '../../../../services/party/book-writer/nonce-search.ts'

const ACCOUNT: Address = `0x${'aa'.repeat(20)}`
const REGISTRY: Address = `0x${'bb'.repeat(20)}`
const HEAD = 10_000
const NONCE = 7
const NOW = 1_800_000_000
const hash = (number: number): Bytes32 => `0x${number.toString(16).padStart(64, '0')}`

/** A chain of a block each twelve seconds, in which another transaction used the nonce in block `usedIn`. */
class FakeNode {
  readonly read: number[] = []
  /** Blocks whose state it has kept. */
  states = 128
  /** Answers in the place of blocks. */
  blockAnswer: (number: number) => null | undefined | Error = () => undefined
  readonly #usedIn: number

  constructor(usedIn: number) {
    this.#usedIn = usedIn
  }

  async send(method: string, params: unknown[]): Promise<unknown> {
    if (method === 'eth_getTransactionByHash') return null
    if (method === 'eth_getTransactionCount') {
      const block = Number(params[1])
      if (block <= HEAD - this.states) throw new Error('missing trie node')
      return block >= this.#usedIn ? '0x8' : '0x7'
    }
    if (method !== 'eth_getBlockByNumber') throw new Error(method)
    const number = Number(params[0])
    const answer = this.blockAnswer(number)
    if (answer instanceof Error) throw answer
    if (answer === null) return null
    this.read.push(number)
    const used = { hash: hash(7777), from: ACCOUNT, nonce: '0x7', to: ACCOUNT, input: '0x' }
    return {
      hash: hash(number),
      timestamp: NOW - (HEAD - number) * 12,
      transactions: number === this.#usedIn ? [used] : [],
    }
  }
}

describe('search for the transaction that used a nonce', () => {
  const signedAt = (signedAfter: number | null): SearchedNonce => ({
    ...{ nonce: NONCE, hashes: [hash(1)], hasCall: () => false },
    ...{ signedAfter, since: NOW - 600 },
  })
  /** As often as it goes on. */
  const search = async (
    node: FakeNode,
    searched: SearchedNonce,
    isUsed = true,
  ): Promise<{ use: NonceUse; looks: number }> => {
    const nonceSearch = new NonceSearch(node, REGISTRY, ACCOUNT, 0)
    let next: ScanStart | undefined
    for (let looks = 1; ; looks++) {
      const use = await nonceSearch.find(searched, { block: HEAD - 12, isUsed }, next)
      if (use.by !== 'unknown' || use.next === undefined || looks > 100) return { use, looks }
      next = use.next
    }
  }

  it('takes a nonce that was used before any of its transactions was signed for another’s', async () => {
    const node = new FakeNode(HEAD - 800)
    const { use } = await search(node, signedAt(HEAD - 50))
    expect(use).to.deep.equal({ by: 'another' })
    expect(Math.min(...node.read)).to.equal(HEAD - 49)
  })

  it('takes it so without any state of old blocks, once each block since was read', async () => {
    const node = new FakeNode(HEAD - 800)
    node.states = 0
    const { use, looks } = await search(node, signedAt(HEAD - 50))
    expect(use).to.deep.equal({ by: 'another' })
    expect(looks).to.equal(3)
    expect(node.read).to.deep.equal(Array.from({ length: 38 }, (_, i) => HEAD - 12 - i))
  })

  it('does not where the nonce may be used in newer blocks only', async () => {
    const { use } = await search(new FakeNode(HEAD - 800), signedAt(HEAD - 50), false)
    expect(use).to.include({ by: 'unknown' })
  })

  it('does not where the node lacks one of the blocks', async () => {
    const node = new FakeNode(HEAD - 800)
    node.states = 0
    node.blockAnswer = (number) => (number === HEAD - 30 ? null : undefined)
    const { use } = await search(node, signedAt(HEAD - 50))
    expect(use).to.include({ by: 'unknown', reason: 'a node does not have a block' })
  })

  it('does not where it is not known when its transactions were signed', async () => {
    const { use } = await search(new FakeNode(HEAD - 800), signedAt(null))
    expect(use).to.include({ by: 'unknown' })
  })

  it('goes on where a block was refused', async () => {
    const node = new FakeNode(HEAD - 40)
    node.states = 0
    let refusals = 0
    node.blockAnswer = (number) =>
      number === HEAD - 30 && refusals++ < 2 ? new Error('too many requests') : undefined
    const { use } = await search(node, signedAt(HEAD - 50))
    expect(use).to.deep.equal({ by: 'another' })
    expect(new Set(node.read).size).to.equal(node.read.length)
  })
})
