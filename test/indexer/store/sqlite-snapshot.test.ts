import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openDatabase } from '../../../indexer/store/sqlite/database.ts'
import { createSqliteEngine } from '../../../indexer/store/sqlite/sqlite-engine.ts'

const PAGE_BYTES = 4_096
const LOG_PAGES = 20
const ADD = 'INSERT INTO blocks (chain_id, number, hash, time) VALUES (1, $1, $2, 0)'
const COUNT = 'SELECT COUNT(*) FROM blocks'

describe('reading SQLite in a kept transaction', () => {
  let folder: string
  let file: string
  let engine: ReturnType<typeof createSqliteEngine>
  const counted = async (): Promise<unknown> => (await engine.query(COUNT))[0]![0]

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'store-'))
    file = join(folder, 'index.db')
    const connections = openDatabase(file)
    connections.writer.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`)
    engine = createSqliteEngine(connections)
  })

  afterEach(async () => {
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('sees what was written once it is committed, not before', async () => {
    expect(await counted()).to.equal(0)
    await engine.write(async (writer) => {
      await writer.query(ADD, 1, Buffer.alloc(32))
      expect(await counted()).to.equal(0)
    })
    expect(await counted()).to.equal(1)
    expect(await counted()).to.equal(1)
    await engine.write((writer) => writer.query(ADD, 2, Buffer.alloc(32)))
    expect(await counted()).to.equal(2)
  })

  it('goes on after a write that failed, and after a query that failed', async () => {
    await counted()
    const failed = engine.write(async (writer) => {
      await writer.query(ADD, 1, Buffer.alloc(32))
      throw new Error('no')
    })
    expect(await failed.catch((error: Error) => error.message)).to.equal('no')
    expect(await counted()).to.equal(0)
    expect(await engine.query('SELECT abs(-9223372036854775808)').catch(() => 'refused')).to.equal('refused')
    await engine.write((writer) => writer.query(ADD, 1, Buffer.alloc(32)))
    expect(await counted()).to.equal(1)
  })

  it('lets the log begin again from its start, however much is read between writes', async () => {
    let largest = 0
    for (let number = 0; number < 400; number++) {
      await engine.write(async (writer) => {
        await writer.query(ADD, number, Buffer.alloc(2_000))
        await counted()
      })
      expect(await counted()).to.equal(number + 1)
      largest = Math.max(largest, statSync(`${file}-wal`).size)
    }
    expect(largest).to.be.lessThan(4 * LOG_PAGES * PAGE_BYTES)
  })
})
