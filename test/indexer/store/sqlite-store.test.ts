import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { openSqliteStore } from '../../../indexer/store/sqlite/sqlite-store.ts'
import type { ChainCommit, Store } from '../../../indexer/store/store.ts'
import type { Value } from '../../../indexer/store/tables.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { databasePath } from '../../support/indexer.ts'

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

describe('SQLite store', () => {
  let path: string
  let store: Store

  beforeEach(async () => {
    path = databasePath()
    store = openSqliteStore(path)
    await store.createChain({ chainId: CHAIN, genesisHash: Buffer.alloc(32), checkpoint: checkpoint(0, 0) })
    await store.createContract({
      chainId: CHAIN,
      address: Buffer.alloc(20, 1),
      kind: 'QueryResultRegistry',
      startBlock: 1,
      caughtUpTo: null,
    })
  })
  afterEach(() => store.close())

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
    const failed = await store.commit(commitOf(2, 0, { rows: [{ table: 'records', values: twice }] })).then(
      () => false,
      () => true,
    )
    expect(failed).to.equal(true)
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

  it('has one writer at a time', async () => {
    expect(() => openSqliteStore(path))
      .to.throw()
      .that.satisfies((error: unknown) => isCountersignError(error, 'INDEX_DATABASE_LOCKED'))
    await store.close()
    store = openSqliteStore(path)
  })

  it('refuses a database that a newer program made', async () => {
    await store.close()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 999')
    db.close()
    expect(() => openSqliteStore(path))
      .to.throw()
      .that.satisfies((error: unknown) => isCountersignError(error, 'INDEX_DATABASE_NEWER'))
    store = openSqliteStore(databasePath())
  })
})
