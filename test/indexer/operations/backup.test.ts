import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { backUp, restore } from '../../../indexer/operations/backup.ts'
import { openForInspection } from '../../../indexer/operations/inspect-store.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { caughtUp, databasePath, dumpOf, startTestIndexer, testChain } from '../../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { STORES } from '../../support/stores.ts'
import { dumpOfDatabase, indexInto, someWebhook, withStore } from './filled-store.ts'

describe('backup and restore', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter

  before(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    for (let i = 0; i < 4; i++) await writer.recordBatch(30)
    await writer.publish(Array.from({ length: 5 }, (_, i) => ({ key: word(i + 1), digest: word(i + 9) })))
    await writer.anchor(word(77), 123n)
  })
  after(async () => {
    writer.close()
    await chain.kill()
  })

  const newFile = () => join(dirname(databasePath()), 'index.backup')
  async function backedUp(database: string): Promise<string> {
    const file = newFile()
    const store = await openForInspection(database)
    await backUp(store, file).finally(() => store.close())
    return file
  }

  it('gives the snapshot back when it fails', async () => {
    let isOpen = true
    async function* exportRows() {
      try {
        yield { table: 'chains', columns: [], rows: [] }
        yield { table: 'blocks', columns: [], rows: [null] }
        yield { table: 'blocks', columns: [], rows: [] }
      } finally {
        isOpen = false
      }
    }
    const failed = await backUp({ exportRows } as never, newFile()).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(TypeError)
    expect(isOpen).to.equal(false)
  })

  for (const engine of STORES)
    describe(engine.name, () => {
      if (engine.skipReason !== undefined) return it.skip(engine.skipReason)
      let database: string
      let drop: () => Promise<void>

      beforeEach(async () => {
        ;({ database, drop } = await engine.newDatabase())
        await indexInto(database, chain, contracts)
      })
      afterEach(() => drop())

      for (const other of STORES)
        it(`gives ${other.name} all of it back`, async function () {
          if (other.skipReason !== undefined) this.skip()
          const webhook = someWebhook()
          await withStore(database, (store) => store.createWebhook(webhook))
          const file = await backedUp(database)
          expect(statSync(file).mode & 0o777).to.equal(0o600)
          expect(existsSync(`${file}.part`)).to.equal(false)
          const target = await other.newDatabase()
          try {
            await withStore(target.database, async (store) => {
              const { header, rows } = await restore(file, store)
              expect(rows).to.be.greaterThan(100)
              expect(header.chains.map(({ chainId }) => chainId)).to.deep.equal([chain.chainId])
              expect(await store.findWebhook(webhook.id)).to.deep.equal(webhook)
            })
            expect(await dumpOfDatabase(target.database)).to.deep.equal(await dumpOfDatabase(database))
          } finally {
            await target.drop()
          }
        })

      it('is of one moment while the indexer writes, and is gone on from', async function () {
        this.timeout(60_000)
        const chains = [testChain(chain, contracts, { finalityDepth: 4 })]
        const indexer = await startTestIndexer(chains, { database })
        let file: string
        try {
          const writing = (async () => {
            for (let i = 0; i < 8; i++) await writer.recordBatch(20)
          })()
          file = await backedUp(database)
          await writing
          await caughtUp(indexer, chain)
        } finally {
          await indexer.stop()
        }
        const target = await engine.newDatabase()
        try {
          await withStore(target.database, (store) => restore(file, store))
          const restored = await startTestIndexer(chains, { database: target.database })
          try {
            await caughtUp(restored, chain)
            expect(await dumpOf(restored)).to.deep.equal(await dumpOfDatabase(database))
          } finally {
            await restored.stop()
          }
        } finally {
          await target.drop()
        }
      })

      it('overwrites neither a file nor a store', async () => {
        const file = await backedUp(database)
        const store = await openForInspection(database)
        await expectRejection(backUp(store, file), 'BACKUP_EXISTS').finally(() => store.close())
        const before = await dumpOfDatabase(database)
        await expectRejection(
          withStore(database, (full) => restore(file, full)),
          'STORE_NOT_EMPTY',
        )
        expect(await dumpOfDatabase(database)).to.deep.equal(before)
      })

      it('refuses a file that was cut short or altered anywhere, and changes nothing', async function () {
        this.timeout(60_000)
        const file = await backedUp(database)
        const whole = readFileSync(file)
        const lines = gunzipSync(whole).toString()
        const alterations: Record<string, Buffer> = {
          empty: Buffer.alloc(0),
          'not compressed': Buffer.from(lines),
          'a digit of a value': gzipSync(
            lines.replace(/\["(.)/, (_, first) => `["${first === 'A' ? 'B' : 'A'}`),
          ),
          'without its end': gzipSync(lines.slice(0, lines.lastIndexOf('\n{"end"') + 1)),
          'without a line': gzipSync(lines.split('\n').toSpliced(2, 1).join('\n')),
          'with a line twice': gzipSync(lines.split('\n').toSpliced(2, 0, lines.split('\n')[2]!).join('\n')),
          'goes on after its end': gzipSync(`${lines}{"table":"blocks","columns":[],"rows":[]}\n`),
          'of another version': gzipSync(lines.replace('"version":1', '"version":2')),
        }
        for (const part of [1, 10, whole.length >> 1, whole.length - 9, whole.length - 1])
          alterations[`${part} bytes of it`] = whole.subarray(0, part)
        for (const at of [20, whole.length >> 1, whole.length - 3]) {
          const bitFlipped = Buffer.from(whole)
          bitFlipped[at]! ^= 4
          alterations[`a bit at ${at}`] = bitFlipped
        }
        const target = await engine.newDatabase()
        try {
          const empty = await dumpOfDatabase(target.database)
          for (const [name, bytes] of Object.entries(alterations)) {
            writeFileSync(file, bytes)
            await expectRejection(
              withStore(target.database, (store) => restore(file, store)),
              'BACKUP_INVALID',
            ).catch((error) => {
              throw new Error(name, { cause: error })
            })
            expect(await dumpOfDatabase(target.database), name).to.deep.equal(empty)
          }
          await expectRejection(
            withStore(target.database, (store) => restore('/nowhere', store)),
            'BACKUP_INVALID',
          )
          writeFileSync(file, whole)
          await withStore(target.database, (store) => restore(file, store))
        } finally {
          await target.drop()
        }
      })
    })

  it('leaves no half file under the name, and goes over what a killed one left', async () => {
    const database = databasePath()
    await indexInto(database, chain, contracts)
    const file = newFile()
    const store = await openForInspection(database)
    try {
      const failing = {
        ...store,
        async *exportRows() {
          yield* (await Array.fromAsync(store.exportRows())).slice(0, 3)
          throw new Error('the disk is gone')
        },
      }
      let failure: unknown
      await backUp(failing, file).catch((error) => {
        failure = error
      })
      expect(String(failure)).to.contain('the disk is gone')
      expect(existsSync(file)).to.equal(false)
      expect(existsSync(`${file}.part`)).to.equal(false)
      writeFileSync(`${file}.part`, Buffer.alloc(1_000_000))
      await backUp(store, file)
      expect(existsSync(`${file}.part`)).to.equal(false)
      truncateSync(file, statSync(file).size)
    } finally {
      await store.close()
    }
    await withStore(databasePath(), (target) => restore(file, target))
  })
})

const word = (n: number): `0x${string}` => `0x${n.toString(16).padStart(64, '0')}`
