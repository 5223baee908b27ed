import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import type { TableRows } from '../../../indexer/store/tables.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { describeStores, STORES } from '../../support/stores.ts'
import { CHAIN, RandomChain, type Step } from './random-chain.ts'

const SCRIPT: Step[] = [
  { kind: 'append', seeds: [0, 3, 3, 2, 1, 2, 3, 4] },
  { kind: 'append', seeds: [0, 3, 3, 2, 4, 5, 6, 7] },
  { kind: 'repair', seeds: [2, 1, 2, 0, 1, 2, 3, 4] },
  { kind: 'catch-up', seeds: [1, 2, 3, 4, 5, 6, 7, 8] },
  { kind: 'rollback', seeds: [0, 2, 2, 1, 8, 9, 10, 11] },
]

async function filled(store: Store): Promise<RandomChain> {
  const chain = new RandomChain(store)
  await chain.begin()
  for (const step of SCRIPT) await chain.take(step)
  await store.createWebhook({
    id: 'a',
    url: 'https://example.org',
    secret: 's',
    deliver: 'both',
    filter: {},
    cursor: { version: 3, ordinal: 1 },
    createdAt: 1,
    disabledAt: null,
  })
  await store.enqueueDeliveries('a', {}, [{ eventId: '1', body: '{}' }])
  return chain
}

const feedOf = async (store: Store) =>
  (await store.listFeed({ after: null, limit: 1_000 })).map(({ change, kind, at, position }) => ({
    change,
    kind,
    at,
    position,
  }))

async function* parts(...tables: TableRows[]): AsyncGenerator<TableRows> {
  yield* tables
}

describeStores('copy of a store', (engine) => {
  const withStores = async (
    other: (typeof STORES)[number],
    use: (store: Store, copy: Store) => Promise<void>,
  ): Promise<void> => {
    const [one, two] = [await engine.newDatabase(), await other.newDatabase()]
    const store = await openStore(one.database)
    const copy = await openStore(two.database)
    try {
      await use(store, copy)
    } finally {
      await Promise.all([store.close(), copy.close()])
      await Promise.all([one.drop(), two.drop()])
    }
  }

  for (const other of STORES.filter(({ skipReason }) => skipReason === undefined)) {
    it(`has everything, and is written on like its original (into ${other.name})`, () =>
      withStores(other, async (store, copy) => {
        const chain = await filled(store)
        await copy.importRows(store.exportRows())
        expect(await Array.fromAsync(copy.dump())).to.deep.equal(await Array.fromAsync(store.dump()))
        expect(await feedOf(copy)).to.deep.equal(await feedOf(store))
        expect(await copy.listWebhooks()).to.deep.equal(await store.listWebhooks())
        expect(await copy.dueDeliveries(Number.MAX_SAFE_INTEGER, 9)).to.have.length(1)
        // What the original gives out from here on, the copy never does.
        expect(await copy.version()).to.be.above((await store.version()) + 1_000_000)
        const { checkpoint } = (await copy.listChains())[0]!
        await copy.commit({
          chainId: CHAIN,
          base: checkpoint.hash,
          blocks: [],
          rows: [],
          heads: [],
          checkpoint,
        })
        const address = Buffer.alloc(20, 2)
        const contract = { chainId: CHAIN, address, kind: 'X', startBlock: 1, caughtUpTo: null }
        expect((await copy.createContract(contract)).contractId).to.equal(chain.contractId + 1)
      }))
  }

  it('is of one moment, while the writer goes on', () =>
    withStores(engine, async (store, copy) => {
      const chain = await filled(store)
      const before = await Array.fromAsync(store.dump())
      const versions: number[] = []
      async function* whileWriting(): AsyncGenerator<TableRows> {
        for await (const part of store.exportRows()) {
          await chain.take({ kind: 'append', seeds: [0, 1, 2, 0, 3, 3, 3, 3] })
          versions.push(await store.version())
          yield part
        }
      }
      await copy.importRows(whileWriting())
      expect(versions.length).to.be.above(5)
      expect(await Array.fromAsync(copy.dump())).to.deep.equal(before)
      expect(await Array.fromAsync(store.dump())).to.not.deep.equal(before)
    }))

  it('is refused into a store that has something, or when it is none, and then nothing is there', () =>
    withStores(engine, async (store, copy) => {
      await filled(store)
      const codeOf = async (tables: AsyncIterable<TableRows>, into = copy) => {
        const error = await into.importRows(tables).catch((caught: unknown) => caught)
        return isCountersignError(error) ? error.code : error
      }
      expect(await codeOf(store.exportRows(), store)).to.equal('STORE_NOT_EMPTY')
      const chains = (await Array.fromAsync(store.exportRows())).find(({ table }) => table === 'chains')!
      for (const bad of [
        { table: 'no_table', columns: ['a'], rows: [[1]] },
        { table: 'toString', columns: ['a'], rows: [[1]] },
        { table: 'blocks; DROP TABLE blocks', columns: ['number'], rows: [[1]] },
        { table: 'heads', columns: ['head) --'], rows: [[1]] },
        { table: 'blocks', columns: ['chain_id', 'number'], rows: [[1]] },
      ])
        expect(await codeOf(parts(chains, bad)), bad.table).to.equal('BACKUP_INVALID')
      expect(await codeOf(parts()), 'nothing at all').to.equal(undefined)
      expect(await copy.listChains()).to.deep.equal([])
    }))
})
