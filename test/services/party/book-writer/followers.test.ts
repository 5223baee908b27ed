import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { type Bytes32, randomBytes32, ZERO_BYTES32 } from '../../../../protocol/hex.ts'
import { GasEstimate } from '../../../../services/party/book-writer/gas.ts'
import { Outbox } from '../../../../services/party/book-writer/outbox.ts'
import { type CallEntry, DIGEST_CALLS } from '../../../../services/party/book-writer/registry-calls.ts'
import { type AnvilChain, startAnvil } from '../../../support/anvil.ts'
import { registryAs } from '../../../support/contracts.ts'
import {
  AUTHOR,
  AUTHOR_KEY,
  newEntries,
  newEntry,
  until,
  type WrittenBook,
  writeBook,
} from './written-book.ts'

describe('entries that follow others', () => {
  let chain: AnvilChain
  let book: WrittenBook

  beforeEach(async () => {
    chain = await startAnvil()
    book = await writeBook(chain)
  })
  afterEach(async () => {
    await book.close()
    await chain.kill()
  })

  const stateOf = (key: Bytes32) => book.writer.find(key)?.state

  it('wait while the one they follow is refused, and hold up nobody else', async () => {
    const refused = { ...newEntry(), digest: ZERO_BYTES32 }
    const follower = { ...newEntry(), afterKey: refused.key }
    const next = { ...newEntry(), afterKey: follower.key }
    const others = newEntries(20)
    await book.add([refused, follower, next, ...others])
    await until(async () => (await book.recorded()).length === 20)
    expect((await book.recorded()).map(({ key }) => key)).to.have.members(others.map(({ key }) => key))
    // They are tried again now and then.
    await until(() => [refused, follower, next].every(({ key }) => stateOf(key) === 'pending'))
    expect(await book.recorded()).to.have.length(20)
  })

  it('are in conflict when the one they follow is', async () => {
    const clashing = newEntry()
    const follower = { ...newEntry(), afterKey: clashing.key }
    const next = { ...newEntry(), afterKey: follower.key }
    const other = newEntry()
    const { registry, provider } = registryAs(chain.url, book.registryAddress, AUTHOR_KEY)
    await (await registry.getFunction('record')(clashing.key, randomBytes32())).wait()
    provider.destroy()
    await book.add([clashing, follower, next, other])
    await until(() => book.writer.status().pending + book.writer.status().submitted === 0)
    expect([clashing, follower, next].map(({ key }) => stateOf(key))).to.deep.equal(Array(3).fill('conflict'))
    expect((await book.recorded()).slice(1)).to.deep.equal([other])
  })

  it('go after them, in one transaction or several', async () => {
    const chainOf: (ReturnType<typeof newEntry> & { afterKey?: Bytes32 })[] = [newEntry()]
    for (let i = 1; i < 60; i++) chainOf.push({ ...newEntry(), afterKey: chainOf[i - 1]!.key })
    for (const entry of chainOf) await book.add([entry])
    await until(async () => (await book.recorded()).length === 60)
    expect((await book.recorded()).map(({ key }) => key)).to.deep.equal(chainOf.map(({ key }) => key))
  })
})

describe('an outbox of entries that follow others', () => {
  it('gives none out before the one that it follows is on chain, unless the registry checks that itself', () => {
    const db = new DatabaseSync(':memory:')
    const outbox = new Outbox(db, { chainId: 1, registry: AUTHOR, author: AUTHOR })
    const first = newEntry()
    const second = { ...newEntry(), afterKey: first.key }
    const third = { ...newEntry(), afterKey: second.key }
    const other = newEntry()
    for (const entry of [first, second, third]) outbox.add({ ...entry, recordBy: 0 }, 0)
    const keysOf = (checksOrder: boolean) => outbox.nextBatch(10, 1, checksOrder).map(({ key }) => key)
    expect(keysOf(false)).to.deep.equal([first.key, second.key, third.key])
    const transaction = {
      hash: randomBytes32(),
      raw: '0x00' as const,
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 1n,
    }
    const submission = outbox.submissions.create(
      { nonce: 0, gasLimit: 1 },
      outbox.nextBatch(1, 1),
      transaction,
    )
    outbox.add({ ...other, recordBy: 0 }, 0)
    expect(keysOf(false)).to.deep.equal([other.key])
    expect(keysOf(true)).to.deep.equal([second.key, third.key, other.key])
    outbox.submissions.markMined(submission, { transactionHash: transaction.hash, blockNumber: 1 }, false)
    expect(keysOf(false)).to.deep.equal([second.key, third.key, other.key])
    db.close()
  })
})

describe('an outbox of an earlier version', () => {
  it('is brought up to date, with what it holds', () => {
    const db = new DatabaseSync(':memory:')
    db.exec(`
      CREATE TABLE outbox_owner (chain_id INTEGER NOT NULL, registry TEXT NOT NULL, author TEXT NOT NULL) STRICT;
      CREATE TABLE outbox_submissions (id INTEGER PRIMARY KEY, nonce INTEGER NOT NULL, gas_limit INTEGER NOT NULL,
        entry_count INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open', transaction_hash TEXT, block_number INTEGER) STRICT;
      CREATE TABLE outbox_entries (id INTEGER PRIMARY KEY, entry_key TEXT NOT NULL UNIQUE, digest TEXT NOT NULL,
        record_by INTEGER NOT NULL, added_at_ms INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
        submission_id INTEGER, batch_limit INTEGER, refusals INTEGER NOT NULL DEFAULT 0,
        not_before_ms INTEGER NOT NULL DEFAULT 0, transaction_hash TEXT, block_number INTEGER) STRICT;
      INSERT INTO outbox_entries (entry_key, digest, record_by, added_at_ms) VALUES ('0x01', '0x02', 0, 0)`)
    const owner = { chainId: 1, registry: AUTHOR, author: AUTHOR }
    for (const outbox of [new Outbox(db, owner), new Outbox(db, owner)])
      expect(outbox.nextBatch(10, 1)).to.deep.include({
        ...{ id: 1, key: '0x01', digest: '0x02', content: null, group: '', afterKey: null },
        ...{ addedAt: 0, batchLimit: null, refusals: 0 },
      })
    db.close()
  })
})

describe('what fits into a transaction', () => {
  const entries = (count: number): CallEntry[] =>
    newEntries(count).map((entry) => ({ ...entry, content: null }))
  const BLOCK_GAS = 60_000_000

  it('is bounded by its gas', () => {
    const gas = new GasEstimate(DIGEST_CALLS)
    const count = gas.fitting(entries(2_000), BLOCK_GAS)
    expect(gas.limitFor(entries(count))).to.be.at.most(2 ** 24)
    expect(gas.limitFor(entries(count + 1))).to.be.above(2 ** 24)
  })

  it('is bounded by the bytes that nodes take into their pools', () => {
    const gas = new GasEstimate({ ...DIGEST_CALLS, gasOf: () => 1, bytesOf: () => 1_000 })
    expect(gas.fitting(entries(2_000), BLOCK_GAS)).to.equal(130)
  })

  it('is one entry at least, and less of a block with less gas', () => {
    const gas = new GasEstimate(DIGEST_CALLS)
    expect(gas.fitting(entries(10), 1)).to.equal(1)
    expect(gas.fitting(entries(2_000), 1_000_000)).to.be.within(30, 36)
  })

  it('has the gas of the call raised with that of its entries, up to a highest', () => {
    const gas = new GasEstimate({ ...DIGEST_CALLS, gasOfCall: 70_000, gasOf: () => 0 })
    expect(gas.limitFor(entries(3))).to.equal(70_000)
    expect(gas.raise()).to.equal(true)
    expect(gas.limitFor(entries(3))).to.equal(105_000)
    let raised = 1
    while (gas.raise()) raised++
    expect(raised).to.be.below(10)
    expect(gas.limitFor(entries(3))).to.equal(18 * 70_000)
  })

  it('gets less once a transaction ran out of gas', () => {
    const gas = new GasEstimate(DIGEST_CALLS)
    const before = gas.fitting(entries(2_000), BLOCK_GAS)
    gas.raise()
    expect(gas.fitting(entries(2_000), BLOCK_GAS)).to.be.within(before / 1.6, before / 1.4)
  })
})
