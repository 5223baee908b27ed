import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import { MIGRATIONS } from '../../../indexer/store/sqlite/migrations.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { databasePath } from '../../support/indexer.ts'

/** Each that a program of ours left, as it left it. */
const EARLIER = [1, 2, 3]
const CHAIN = 7
const AUTHOR = Buffer.alloc(20, 0xa1)
const hash = (byte: number) => Buffer.alloc(32, byte)

const oldDatabase = (schema = 1): string => {
  const path = databasePath()
  const db = new DatabaseSync(path)
  db.exec(readFileSync(new URL(`schema-${schema}.sql`, import.meta.url), 'utf8'))
  db.close()
  return path
}

const open = async (use: (store: Store) => Promise<void>, path: string): Promise<void> => {
  const store = await openStore(path)
  try {
    await use(store)
  } finally {
    await store.close()
  }
}

describe('migration of an SQLite store', () => {
  for (const schema of EARLIER) {
    it(`keeps everything of schema ${schema}`, () =>
      open(async (store) => {
        const [record] = await store.findRecords(hash(0x62))
        expect(record).to.include({ blockNumber: 2, blockTime: 1002, blockHash: `0x${'02'.repeat(32)}` })
        const [orphan] = await store.findOrphanedRecords(hash(0x63))
        expect(orphan).to.include({ blockNumber: 3, blockHash: `0x${'03'.repeat(32)}` })
        expect(await store.findVerifiedHead(1, AUTHOR, 2)).to.include({ blockNumber: 1, entryCount: 1 })
        expect(await store.listIncomplete(CHAIN)).to.have.length(1)
        expect(await store.listParticipantEvents(1)).to.have.length(2)
        const lines = await Array.fromAsync(store.dump())
        expect(lines.map((line) => line.split(' ')[0])).to.deep.equal([
          ...Array(2).fill('records'),
          ...Array(2).fill('roots'),
          ...Array(2).fill('participant_events'),
          'heads',
          'incomplete',
          'checkpoint',
        ])
      }, oldDatabase(schema)))

    it(`begins the feed after what schema ${schema} had`, () =>
      open(async (store) => {
        const end = await store.feedEnd()
        const error = await store.listFeed({ after: null, limit: 1 }).catch((caught: unknown) => caught)
        expect(isCountersignError(error, 'FEED_EXPIRED')).to.equal(true)
        await store.commit({
          chainId: CHAIN,
          base: hash(2),
          rollbackTo: 1,
          blocks: [],
          rows: [],
          heads: [],
          checkpoint: { number: 2, hash: hash(0x92), timestamp: 1002, finalNumber: 1 },
        })
        const events = await store.listFeed({ after: end, limit: 10 })
        expect(events.map(({ change, kind }) => [change, kind])).to.deep.equal([
          ['retracted', 'participant'],
          ['retracted', 'root'],
          ['retracted', 'record'],
        ])
        expect(
          await store.listFinalFeed({ chainId: CHAIN, after: null, toBlock: 1, limit: 10 }),
        ).to.have.length(3)
      }, oldDatabase(schema)))

    it(`finds what is recorded after schema ${schema} by its key`, () =>
      open(async (store) => {
        const values = [CHAIN, 3, 0, 0, 1, AUTHOR, hash(0x64), hash(0x74), 0, hash(0x77)]
        await store.commit({
          chainId: CHAIN,
          base: hash(2),
          blocks: [{ number: 3, hash: hash(3), timestamp: 1003 }],
          rows: [{ table: 'records', values }],
          heads: [],
          checkpoint: { number: 3, hash: hash(3), timestamp: 1003, finalNumber: 1 },
        })
        expect((await store.findRecords(hash(0x64))).map(({ blockNumber }) => blockNumber)).to.deep.equal([3])
      }, oldDatabase(schema)))
  }

  it('is made once, and leaves the schema that a new database has', async () => {
    const paths = EARLIER.map(oldDatabase)
    for (const path of paths) {
      await open(async () => {}, path)
      await open(async (store) => {
        expect(await store.findRecords(hash(0x61))).to.have.length(1)
      }, path)
    }
    const fresh = databasePath()
    await open(async () => {}, fresh)
    const schemaOf = (file: string) => {
      const db = new DatabaseSync(file)
      const columns = db
        .prepare(
          `SELECT m.type, m.name, c.name AS "column", c.type AS kind, c."notnull", c.dflt_value, c.pk
           FROM sqlite_schema m LEFT JOIN pragma_table_info(m.name) c ORDER BY m.name, c.cid`,
        )
        .all()
      const versions = db.prepare('SELECT version FROM schema_versions').all()
      db.close()
      return { columns, versions }
    }
    for (const path of paths) expect(schemaOf(path)).to.deep.equal(schemaOf(fresh))
    expect(schemaOf(fresh).versions).to.have.length(MIGRATIONS.length)
    expect(EARLIER).to.have.length(MIGRATIONS.length - 1)
  })

  it('leaves a database as it was when it fails', async () => {
    const path = oldDatabase()
    const db = new DatabaseSync(path)
    // What the migration is about to make is there already.
    db.exec('CREATE TABLE webhooks (other TEXT)')
    db.close()
    await open(async () => {}, path).then(
      () => expect.fail('opened'),
      () => {},
    )
    const after = new DatabaseSync(path)
    expect(after.prepare('PRAGMA user_version').get()).to.deep.include({ user_version: 1 })
    expect(after.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'journal'").get()).to.equal(undefined)
    after.close()
  })
})
