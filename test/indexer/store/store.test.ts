import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { ChainCommit, ChainStateRow, Store } from '../../../indexer/store/store.ts'
import type { Value } from '../../../indexer/store/tables.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { describeStores, STORES } from '../../support/stores.ts'
import { emptyStores } from './empty-stores.ts'
import { RandomChain, steps } from './random-chain.ts'

const CHAIN = 7
const AUTHOR = randomBytes(20)

const block = (number: number) => ({ number, hash: Buffer.alloc(32, number), timestamp: 1000 + number })
const checkpoint = (number: number, finalNumber: number) => ({ ...block(number), finalNumber })
const record = (number: number, logIndex: number, key: Uint8Array): Value[] => [
  CHAIN,
  number,
  logIndex,
  0,
  1,
  AUTHOR,
  key,
  Buffer.alloc(32, 0xdd),
  0,
  Buffer.alloc(32, 0x77),
]
const head = (blockNumber: number, entryCount: number, verified = false) => ({
  contractId: 1,
  author: AUTHOR,
  blockNumber,
  head: Buffer.alloc(32, entryCount),
  entryCount,
  verified,
})

/** One record in block `number`, which becomes the checkpoint. */
const commitOf = (number: number, finalNumber: number, more: Partial<ChainCommit> = {}): ChainCommit => ({
  chainId: CHAIN,
  blocks: [block(number)],
  rows: [{ table: 'records', values: record(number, 0, Buffer.alloc(32, number)) }],
  heads: [head(number, number)],
  checkpoint: checkpoint(number, finalNumber),
  ...more,
})

describeStores('store', (engine) => {
  let database: { database: string; drop(): Promise<void> }
  let store: Store

  beforeEach(async () => {
    database = await engine.newDatabase()
    store = await openStore(database.database)
    await store.createChain({ chainId: CHAIN, genesisHash: Buffer.alloc(32), checkpoint: checkpoint(0, 0) })
    await store.createContract({
      chainId: CHAIN,
      address: Buffer.alloc(20, 1),
      kind: 'QueryResultRegistry',
      startBlock: 1,
      caughtUpTo: null,
    })
  })
  afterEach(async () => {
    await store.close()
    await database.drop()
  })

  const countOf = async (number: number) => (await store.findRecords(Buffer.alloc(32, number))).length

  it('takes in more rows than one statement holds, in their order', async () => {
    const values = Array.from({ length: 123 }, (_, i) => record(1, i, Buffer.alloc(32, 9))).flat()
    await store.commit(commitOf(1, 0, { rows: [{ table: 'records', values }] }))
    const rows = await store.findRecords(Buffer.alloc(32, 9))
    expect(rows.map(({ logIndex }) => logIndex)).to.deep.equal([...Array(123).keys()])
    expect(rows[0]).to.include({ blockTime: 1001, tier: 'recorded', blockHash: `0x${'01'.repeat(32)}` })
  })

  it('writes a commit whole or not at all', async () => {
    await store.commit(commitOf(1, 0))
    const before = await Array.fromAsync(store.dump())
    const twice = [...record(2, 0, Buffer.alloc(32, 2)), ...record(2, 0, Buffer.alloc(32, 3))]
    const many = Array.from({ length: 200 }, (_, i) => record(2, i, Buffer.alloc(32, 2))).flat()
    for (const values of [twice, [...many, ...record(2, 7, Buffer.alloc(32))]]) {
      const failed = await store.commit(commitOf(2, 0, { rows: [{ table: 'records', values }] })).then(
        () => false,
        () => true,
      )
      expect(failed).to.equal(true)
    }
    expect(await Array.fromAsync(store.dump())).to.deep.equal(before)
    await store.commit(commitOf(2, 0))
    expect(await countOf(2)).to.equal(1)
  })

  it('rolls back and replays in one commit, and keeps what was orphaned with its block', async () => {
    for (const number of [1, 2, 3]) await store.commit(commitOf(number, 0))
    await store.commit(commitOf(2, 0, { rollbackTo: 1, rows: [], heads: [] }))
    expect([await countOf(1), await countOf(2), await countOf(3)]).to.deep.equal([1, 0, 0])
    const [orphan] = await store.findOrphanedRecords(Buffer.alloc(32, 3))
    expect(orphan).to.include({ blockNumber: 3, blockTime: 1003, blockHash: `0x${'03'.repeat(32)}` })
    const heads = await store.listHeads(CHAIN, 2)
    expect(heads.map(({ blockNumber }) => blockNumber)).to.deep.equal([1])
  })

  it('keeps the hashes of blocks above the last final one, and of blocks with rows', async () => {
    for (const number of [1, 2, 3, 4]) await store.commit(commitOf(number, 0, { rows: [], heads: [] }))
    expect(await store.findBlock(CHAIN, 1)).to.not.equal(undefined)
    await store.commit(commitOf(5, 3))
    for (const [number, isKept] of [
      [1, false],
      [2, false],
      [3, true],
      [4, true],
      [5, true],
    ] as const)
      expect((await store.findBlock(CHAIN, number)) !== undefined, `block ${number}`).to.equal(isKept)
  })

  it('keeps the heads that a rollback or a repair may start from, and no older ones', async () => {
    await store.commit(commitOf(1, 1))
    await store.markVerified([head(1, 1)])
    for (const number of [2, 3, 4]) await store.commit(commitOf(number, 2))
    expect((await store.listHeads(CHAIN, 2))[0]).to.include({ blockNumber: 2 })
    expect(await store.findVerifiedHead(1, AUTHOR, 4)).to.include({ blockNumber: 1, verified: true })
    await store.markVerified([head(3, 3)])
    await store.commit(commitOf(5, 4))
    expect(await store.findVerifiedHead(1, AUTHOR, 5)).to.include({ blockNumber: 3 })
    expect(await store.findVerifiedHead(1, AUTHOR, 2)).to.equal(undefined)
  })

  it('refuses a step that was made from elsewhere than where it stands', async () => {
    await store.commit(commitOf(1, 0, { base: block(0).hash }))
    const before = [await store.version(), await Array.fromAsync(store.dump())]
    const error = await store
      .commit(commitOf(2, 0, { base: block(0).hash }))
      .catch((caught: unknown) => caught)
    expect(isCountersignError(error, 'STORE_CHANGED') && error.retryable).to.equal(true)
    const unknown = await store.commit({ ...commitOf(2, 0), chainId: 8 }).catch((caught: unknown) => caught)
    expect(isCountersignError(unknown, 'STORE_CHANGED')).to.equal(true)
    expect([await store.version(), await Array.fromAsync(store.dump())]).to.deep.equal(before)
    await store.commit(commitOf(2, 0, { base: block(1).hash }))
  })

  it('grows its version with every write about chains, and with no other', async () => {
    const versions = [await store.version()]
    const changes = async (write: () => Promise<unknown>) => {
      await write()
      versions.push(await store.version())
    }
    await changes(() => store.commit(commitOf(1, 0)))
    await changes(() => store.markVerified([head(1, 1)]))
    await changes(() => store.setCaughtUpTo(1, 1))
    await changes(() => store.saveChainState(chainState))
    await changes(() => store.setIncomplete({ contractId: 1, author: AUTHOR, blockNumber: 1, since: 5 }))
    await changes(() => store.clearIncomplete(1, AUTHOR))
    expect(versions).to.deep.equal(versions.map((_, i) => versions[0]! + i))
    await store.findRecords(Buffer.alloc(32, 1))
    expect(await store.version()).to.equal(versions.at(-1))
  })

  it('takes writes one at a time, and shows none before it is committed', async () => {
    let isWritten = false
    const writes = Promise.all([1, 2, 3, 4].map((number) => store.commit(commitOf(number, 0)))).finally(
      () => {
        isWritten = true
      },
    )
    do {
      const seen: number[] = []
      // The newest first: whatever is seen, what was written before it is there too.
      for (const number of [4, 3, 2, 1]) seen.push(await countOf(number))
      expect(seen).to.deep.equal(seen.toSorted())
    } while (!isWritten)
    await writes
    expect((await store.listChains())[0]!.checkpoint.number).to.equal(4)
    // A reader sees what was committed, whatever the writer is in the middle of.
    const rows = { table: 'records' as const, values: record(5, 0, Buffer.alloc(32, 5)) }
    const broken = store.commit(commitOf(5, 0, { rows: [rows, rows] })).catch(() => 'failed')
    const looks = await Promise.all(Array.from({ length: 20 }, () => countOf(5)))
    expect(await broken).to.equal('failed')
    expect(looks).to.deep.equal(Array(20).fill(0))
  })

  it('pages the records of a key, of all authors or of one', async () => {
    const other = Buffer.alloc(20, 9)
    const key = Buffer.alloc(32, 9)
    const values = Array.from({ length: 10 }, (_, i) => {
      const row = record(1, i, key)
      if (i % 2 === 1) row[5] = other
      return row
    }).flat()
    await store.commit(commitOf(1, 0, { rows: [{ table: 'records', values }] }))
    const first = await store.findRecords(key, { limit: 3 })
    expect(first.map(({ logIndex }) => logIndex)).to.deep.equal([0, 1, 2])
    const after = { ...first[2]!, entryIndex: 0 }
    const pages = await Promise.all([
      store.findRecords(key, { limit: 100, after }),
      store.findRecords(key, { limit: 2, author: other, after }),
      store.findRecords(Buffer.alloc(32, 8), { limit: 2 }),
      store.findRecords(key, { limit: 1, author: AUTHOR }),
    ])
    expect(pages.map((rows) => rows.map(({ logIndex }) => logIndex))).to.deep.equal([
      [3, 4, 5, 6, 7, 8, 9],
      [3, 5],
      [],
      [0],
    ])
    expect(await store.hasEarlierRecord(first[2]!)).to.equal(true)
    expect(await store.hasEarlierRecord(first[1]!)).to.equal(false)
  })

  it('finds many keys asked for at once, each with its own rows', async () => {
    const values = Array.from({ length: 300 }, (_, i) => {
      const key = Buffer.alloc(32)
      key.writeUInt32BE(Math.floor(i / 2))
      return record(1, i, key)
    }).flat()
    await store.commit(commitOf(1, 0, { rows: [{ table: 'records', values }] }))
    const found = await Promise.all(
      Array.from({ length: 400 }, (_, i) => {
        const key = Buffer.alloc(32)
        key.writeUInt32BE(i)
        return store.findRecords(key, { limit: 1 + (i % 2) })
      }),
    )
    for (const [i, rows] of found.entries())
      expect(rows.map(({ logIndex }) => logIndex)).to.deep.equal(
        i >= 150 ? [] : i % 2 === 0 ? [2 * i] : [2 * i, 2 * i + 1],
      )
  })

  it('lists the records of an author by block and time', async () => {
    for (const number of [1, 2, 3, 4]) await store.commit(commitOf(number, 0))
    const list = async (more: object) =>
      (await store.listRecords({ author: AUTHOR, contractId: 1, toBlock: 9, limit: 9, ...more })).map(
        ({ blockNumber }) => blockNumber,
      )
    expect(await list({})).to.deep.equal([1, 2, 3, 4])
    expect(await list({ toBlock: 3, limit: 2 })).to.deep.equal([1, 2])
    expect(await list({ after: { blockNumber: 2, logIndex: 0, entryIndex: 0 } })).to.deep.equal([3, 4])
    expect(await list({ fromTime: 1002, toTime: 1004 })).to.deep.equal([2, 3])
    expect(await store.listAuthorRecords(1, AUTHOR, 2, 3)).to.have.length(2)
    expect(await store.findLastBlock(CHAIN, 99)).to.include({ number: 4, timestamp: 1004 })
  })

  it('replaces what a repair found to be otherwise, and keeps it as an orphan', async () => {
    for (const number of [1, 2]) await store.commit(commitOf(number, 0))
    await store.setIncomplete({ contractId: 1, author: AUTHOR, blockNumber: 2, since: 5 })
    await store.repair({
      chainId: CHAIN,
      contractId: 1,
      author: AUTHOR,
      fromBlock: 1,
      surplus: [{ blockNumber: 1, logIndex: 0 }],
      blocks: [block(1)],
      rows: [{ table: 'records', values: record(1, 0, Buffer.alloc(32, 0x99)) }],
      heads: [head(2, 7, true)],
    })
    expect([await countOf(1), await countOf(0x99), await countOf(2)]).to.deep.equal([0, 1, 1])
    expect(await store.findOrphanedRecords(Buffer.alloc(32, 1))).to.have.length(1)
    // Until the heads are compared.
    expect(await store.listIncomplete(CHAIN)).to.have.length(1)
    expect(await store.findVerifiedHead(1, AUTHOR, 9)).to.include({ blockNumber: 2, entryCount: 7 })
  })

  it('takes a contract that was left behind no further than the chain was rolled back to', async () => {
    for (const number of [1, 2, 3]) await store.commit(commitOf(number, 0))
    await store.setCaughtUpTo(1, 3)
    await store.commit(commitOf(2, 0, { rollbackTo: 1 }))
    expect((await store.listContracts(CHAIN))[0]!.caughtUpTo).to.equal(1)
  })

  it('keeps any text that somebody put on a chain', async () => {
    const texts = [
      '',
      'a\0b',
      '\uFFFE',
      '\uFFFE0\0\uFFFE1',
      "'; DROP TABLE roots; --",
      '\\x00',
      '日本 🎌',
      '"{,}"',
    ]
    const values = texts.flatMap((text, i): Value[] => [
      ...[CHAIN, 1, i, 0, 1, AUTHOR, Buffer.alloc(32, i), 1, '18446744073709551615', text],
      Buffer.alloc(32),
    ])
    await store.commit(commitOf(1, 0, { rows: [{ table: 'roots', values }] }))
    const events = await store.listFinalFeed({ chainId: CHAIN, after: null, toBlock: 1, limit: 100 })
    expect(events.map(({ row }) => 'manifestUri' in row && row.manifestUri)).to.deep.equal(texts)
    const [first] = await store.listAuthorRoots(1, AUTHOR, 0, 9)
    expect(first!.leafCount).to.equal(18_446_744_073_709_551_615n)
  })

  it('keeps what the writer says of its chains', async () => {
    await store.saveChainState(chainState)
    await store.saveChainState({
      ...chainState,
      state: 'stopped',
      alarm: { code: 'A', message: 'b', action: 'c' },
    })
    const [row, ...more] = await store.listChainStates()
    expect(more).to.deep.equal([])
    expect(row).to.deep.equal({
      ...chainState,
      state: 'stopped',
      alarm: { code: 'A', message: 'b', action: 'c' },
    })
  })

  it('forgets a chain and can begin it anew', async () => {
    for (const number of [1, 2]) await store.commit(commitOf(number, 0))
    await store.commit(commitOf(2, 0, { rollbackTo: 1, rows: [] }))
    await store.dropChain(CHAIN)
    expect(await Array.fromAsync(store.dump())).to.deep.equal([])
    expect(await store.listContracts(CHAIN)).to.deep.equal([])
    expect(await store.findOrphanedRecords(Buffer.alloc(32, 2))).to.deep.equal([])
    await store.createChain({ chainId: CHAIN, genesisHash: Buffer.alloc(32), checkpoint: checkpoint(0, 0) })
  })

  it('says that it is no replica', async () => {
    expect(await store.replicationLag()).to.deep.equal({ isReplica: false, seconds: null })
  })
})

describe('stores', () => {
  const withStores = STORES.filter(({ skipReason }) => skipReason === undefined).map(emptyStores)

  it('dump the same lines after the same steps, whatever the engine', async function () {
    this.timeout(120_000)
    if (withStores.length < 2) this.skip()
    await fc.assert(
      fc.asyncProperty(steps(12), async (script) => {
        const dumps = await Promise.all(
          withStores.map((withStore) =>
            withStore(async (store) => {
              const chain = new RandomChain(store)
              await chain.begin()
              for (const step of script) await chain.take(step)
              return { lines: await Array.fromAsync(store.dump()), rows: chain.canonical().size }
            }),
          ),
        )
        expect(dumps[1]).to.deep.equal(dumps[0])
        const isRow = (line: string) => /^(records|roots|participant_events) /.test(line)
        expect(dumps[0]!.lines.filter(isRow)).to.have.length(dumps[0]!.rows)
      }),
      { numRuns: 12 },
    )
  })
})

const chainState: ChainStateRow = {
  chainId: CHAIN,
  state: 'following',
  tip: { number: 3, timestamp: 1003 },
  completeness: 'complete',
  alarm: null,
  lastError: null,
  reorganisations: 2,
  endpoints: [{ name: 'a', isHealthy: true }],
  updatedAt: 1_700_000_000_000,
}
