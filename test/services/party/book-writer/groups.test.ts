import { expect } from 'chai'
import type { Bytes32 } from '../../../../protocol/hex.ts'
import {
  type CallEntry,
  DIGEST_CALLS,
  type RegistryCalls,
} from '../../../../services/party/book-writer/registry-calls.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { newEntries, until, type WrittenBook, writeBook } from './written-book.ts'

describe('groups of a book writer', () => {
  let chain: AnvilChain
  let book: WrittenBook

  before(async () => {
    chain = await startAnvil()
  })
  afterEach(() => book.close())
  after(() => chain.kill())

  /** As the default, and notes what it was asked to encode. */
  const noted = (batches: Bytes32[][]): RegistryCalls => ({
    ...DIGEST_CALLS,
    encode(entries: readonly CallEntry[]) {
      batches.push(entries.map(({ key }) => key))
      return DIGEST_CALLS.encode(entries)
    },
  })
  const settled = () => until(() => book.writer.status().pending + book.writer.status().submitted === 0)

  it('go in transactions of their own, in one sequence of nonces, and each entry once', async () => {
    const plain: Bytes32[][] = []
    const named: Bytes32[][] = []
    const groups = { other: noted(named) }
    // None is made anew, for a higher fee.
    book = await writeBook(chain, { calls: noted(plain), groups, maxBatch: 4, resubmitAfterMs: 60_000 })
    const entries = newEntries(24).map((entry, i) => ({ ...entry, ...(i % 3 === 1 && { group: 'other' }) }))
    await book.add(entries)
    await settled()
    expect((await book.recorded()).map(({ key }) => key)).to.have.members(entries.map(({ key }) => key))
    const keysOf = (group: string | undefined) =>
      entries.filter((entry) => entry.group === group).map(({ key }) => key)
    expect(plain.flat()).to.deep.equal(keysOf(undefined))
    expect(named.flat()).to.deep.equal(keysOf('other'))
    const nonces = book.db
      .prepare('SELECT nonce FROM outbox_submissions ORDER BY nonce')
      .all()
      .map(({ nonce }) => Number(nonce))
    expect(nonces).to.deep.equal(nonces.map((_, i) => nonces[0]! + i))
    expect(nonces).to.have.length(plain.length + named.length)
  })

  it('send first what has waited longest', async () => {
    const order: string[] = []
    const as = (name: string): RegistryCalls => ({
      ...DIGEST_CALLS,
      encode(entries) {
        order.push(name)
        return DIGEST_CALLS.encode(entries)
      },
    })
    book = await writeBook(chain, { calls: as('plain'), groups: { other: as('other') }, maxInFlight: 1 })
    const [first, second] = newEntries(2)
    await book.add([{ ...first!, group: 'other' }, second!] as never)
    await settled()
    expect(order).to.deep.equal(['other', 'plain'])
  })

  it('raise the gas of the group whose transaction ran out of it, and of no other', async () => {
    const scant: RegistryCalls = { ...DIGEST_CALLS, gasOfCall: 30_000, gasOf: () => 8_000 }
    book = await writeBook(chain, { groups: { scant } })
    const [ample, short, next] = newEntries(3)
    await book.add([{ ...short!, group: 'scant' }] as never)
    await settled()
    await book.add([ample!])
    await settled()
    await book.add([{ ...next!, group: 'scant' }] as never)
    await settled()
    expect((await book.recorded()).map(({ key }) => key)).to.have.members([short!.key, ample!.key, next!.key])
    const limits = book.db
      .prepare('SELECT gas_limit AS gas, state FROM outbox_submissions ORDER BY id')
      .all()
      .map(({ gas, state }) => ({ gas: Number(gas), state }))
    const plain = DIGEST_CALLS.gasOfCall + 27_500
    expect(limits.filter(({ state }) => state === 'reverted')).to.not.be.empty
    expect(limits.map(({ gas }) => gas)).to.include(plain)
    expect(limits.at(-1)!.gas).to.be.above(38_000)
  })
})
