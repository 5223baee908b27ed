import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { Finding } from '../../../indexer/operations/fsck/findings.ts'
import { fsck } from '../../../indexer/operations/fsck/fsck.ts'
import { checkOffline } from '../../../indexer/operations/fsck/offline-check.ts'
import { openForInspection } from '../../../indexer/operations/inspect-store.ts'
import type { TableRows, Value } from '../../../indexer/store/tables.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { caughtUp, startTestIndexer, testChain, testConfig } from '../../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { STORES } from '../../support/stores.ts'
import { indexInto, withStore } from './filled-store.ts'

/** Between blocks that come while a store is checked; the quickest chains take longer. */
const BLOCK_PAUSE_MS = 100

type Row = Value[]
type Change = (rows: Row[], at: (column: string) => number) => Row[]

describe('fsck', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter

  before(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    for (let i = 0; i < 3; i++) await writer.recordBatch(20)
    await writer.publish(Array.from({ length: 5 }, (_, i) => ({ key: word(i + 1), digest: word(i + 9) })))
    await writer.anchor(word(77), 2n ** 63n)
    await writer.record()
  })
  after(async () => {
    writer.close()
    await chain.kill()
  })

  const settings = (database: string) =>
    testConfig([testChain(chain, contracts, { finalityDepth: 2 })], { database })

  it('cannot tell of a store that never stands still, and gives every snapshot of it back', async () => {
    let version = 0
    let open = 0
    async function* dump() {
      open++
      try {
        yield 'checkpoint 1'
        yield 'checkpoint 2'
      } finally {
        open--
      }
    }
    const store = { version: async () => version++, listChains: async () => [], dump }
    await expectRejection(checkOffline(store as never), 'FSCK_UNCERTAIN')
    expect(version).to.be.above(2)
    expect(open).to.equal(0)
  })

  for (const engine of STORES)
    describe(engine.name, () => {
      if (engine.skipReason !== undefined) return it.skip(engine.skipReason)
      let database: string
      let drop: () => Promise<void>

      before(async () => {
        ;({ database, drop } = await engine.newDatabase())
        await indexInto(database, chain, contracts, 2)
      })
      after(() => drop())

      const online = async (of: string) => {
        const store = await openForInspection(of)
        return fsck(store, settings(of)).finally(() => store.close())
      }
      const offline = async (of: string) => {
        const store = await openForInspection(of)
        return checkOffline(store).finally(() => store.close())
      }

      /** What both modes find in a copy of the store whose rows of one table were changed on the way. */
      async function foundAfter(table: string, change: Change) {
        const copy = await engine.newDatabase()
        const source = await openForInspection(database)
        try {
          await withStore(copy.database, (store) =>
            store.importRows(changed(source.exportRows(), table, change)),
          )
          return { online: await online(copy.database), offline: await offline(copy.database) }
        } finally {
          await source.close()
          await copy.drop()
        }
      }

      it('finds no difference in a store that is as its chain is, and says what it checked', async () => {
        const report = await online(database)
        expect(report).to.deep.include({ isSound: true, differences: 0, listed: [] })
        // 61 records, a publication of 5, an anchor, and what the directory said.
        expect(report.rows).to.be.at.least(68)
        expect(report.heads).to.be.at.least(1)
        const head = Number(await chain.request('eth_blockNumber'))
        expect(report.chains).to.deep.equal([{ chainId: chain.chainId, upToBlock: head, notes: [] }])
        const alone = await offline(database)
        expect(alone).to.deep.include({
          isSound: true,
          differences: 0,
          rows: report.rows,
          heads: report.heads,
        })
      })

      it('finds a record that is missing', async () => {
        const found = await foundAfter('records', (rows) => rows.toSpliced(7, 1))
        expect(kinds(found.online.listed)).to.deep.equal(['missing records'])
        expect(found.online.listed[0]!.expected).to.match(/^records 31337 /)
        expect(kinds(found.offline.listed)).to.deep.equal(['inconsistent heads'])
      })

      it('finds a digest that is another', async () => {
        const found = await foundAfter('records', (rows, at) =>
          rows.with(3, rows[3]!.with(at('digest'), Buffer.alloc(32, 1))),
        )
        expect(kinds(found.online.listed)).to.deep.equal(['different records'])
        expect(found.online.listed[0]!.stored).to.contain('01'.repeat(32))
        expect(kinds(found.offline.listed)).to.deep.equal(['inconsistent heads'])
      })

      it('finds a record that the chain does not have', async () => {
        const found = await foundAfter('records', (rows, at) => [
          ...rows,
          rows[3]!.with(at('log_index'), 999).with(at('key'), Buffer.alloc(32, 7)),
        ])
        expect(kinds(found.online.listed)).to.deep.equal(['surplus records'])
        expect(found.offline.isSound).to.equal(false)
      })

      it('finds an entry of a publication that is missing, though no head tells', async () => {
        const found = await foundAfter('records', (rows, at) =>
          rows.filter((row) => row[at('entry_index')] !== 4),
        )
        expect(kinds(found.online.listed)).to.deep.equal(['missing records'])
        expect(kinds(found.offline.listed)).to.deep.equal(['inconsistent roots'])
      })

      it('finds a head that its rows do not fold to, and one that is not there', async () => {
        const other = await foundAfter('heads', (rows, at) =>
          rows.map((row) => row.with(at('head'), Buffer.alloc(32, 3))),
        )
        expect(kinds(other.online.listed)).to.include('different heads')
        expect(kinds(other.offline.listed)).to.include('inconsistent heads')
        const none = await foundAfter('heads', () => [])
        expect(kinds(none.online.listed)).to.include('missing heads')
        expect(kinds(none.offline.listed)).to.include('inconsistent heads')
      })

      it('finds a row without its block, and one of another time', async () => {
        const without = await foundAfter('blocks', (rows) => rows.slice(0, 1))
        expect(kinds(without.online.listed)).to.include('different records')
        expect(without.offline.listed.map(({ reason }) => reason)).to.include('its block is not in the store')
        const late = await foundAfter('blocks', (rows, at) =>
          rows.map((row) => row.with(at('time'), Number(row[at('time')]) + 1)),
        )
        expect(kinds(late.online.listed)).to.include('different records')
      })

      it('lists no more than it was told to, and counts all', async () => {
        const copy = await engine.newDatabase()
        const source = await openForInspection(database)
        let records = 0
        await withStore(copy.database, (store) =>
          store.importRows(
            changed(source.exportRows(), 'records', (rows) => {
              records += rows.length
              return []
            }),
          ),
        )
        await source.close()
        const store = await openForInspection(copy.database)
        const report = await fsck(store, settings(copy.database), { maxListed: 3 })
        await store.close()
        await copy.drop()
        expect(report.listed).to.have.length(3)
        expect(records).to.be.at.least(66)
        expect(report.differences).to.equal(records)
      })

      it('takes what happens while it runs for no difference', async function () {
        this.timeout(60_000)
        const indexer = await startTestIndexer([testChain(chain, contracts, { finalityDepth: 2 })], {
          database,
        })
        try {
          await caughtUp(indexer, chain)
          let done = false
          const writing = (async () => {
            while (!done) {
              await writer.recordBatch(5)
              await sleep(BLOCK_PAUSE_MS)
            }
          })()
          const store = await openForInspection(database)
          try {
            for (let i = 0; i < 3; i++) {
              expect((await fsck(store, settings(database))).listed).to.deep.equal([])
              expect((await checkOffline(store)).listed).to.deep.equal([])
            }
          } finally {
            done = true
            await writing
            await store.close()
          }
        } finally {
          await indexer.stop()
        }
      })

      it('does not take the blocks of a reorganisation for a difference', async () => {
        const snapshot = await chain.request('evm_snapshot')
        await writer.record()
        await indexInto(database, chain, contracts, 2)
        await chain.request('evm_revert', [snapshot])
        writer.reset()
        await writer.recordBatch(2)
        await writer.recordBatch(2)
        const report = await online(database)
        expect(report.listed).to.deep.equal([])
        expect(report.chains[0]!.notes.join()).to.contain('reorganised')
        await indexInto(database, chain, contracts, 2)
        expect((await online(database)).chains[0]!.notes).to.deep.equal([])
      })
    })

  it('refuses what is no store', async () => {
    await expectRejection(openForInspection('/nowhere/index.db'), 'INDEX_DATABASE_UNREADABLE')
    await expectRejection(openForInspection(new URL(import.meta.url).pathname), 'INDEX_DATABASE_UNREADABLE')
  })
})

async function* changed(
  parts: AsyncIterable<TableRows>,
  table: string,
  change: Change,
): AsyncGenerator<TableRows> {
  let isChanged = false
  for await (const part of parts) {
    if (part.table !== table) {
      yield part
      continue
    }
    isChanged = true
    yield {
      ...part,
      rows: change(
        part.rows.map((row) => [...row]),
        (column) => part.columns.indexOf(column),
      ),
    }
  }
  if (!isChanged) throw new Error(`there are no rows in ${table}`)
}

const kinds = (listed: readonly Finding[]): string[] => [
  ...new Set(listed.map(({ kind, table }) => `${kind} ${table}`)),
]
const word = (n: number): `0x${string}` => `0x${n.toString(16).padStart(64, '0')}`
