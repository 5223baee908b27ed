import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import { MIGRATIONS } from '../../../indexer/store/postgres/migrations.ts'
import { queryOnce } from '../../support/postgres-server.ts'
import { STORES } from '../../support/stores.ts'

const POSTGRES = STORES.find(({ name }) => name === 'PostgreSQL')!
const describePostgres = POSTGRES.skipReason === undefined ? describe : describe.skip

const bytes = (byte: string, length = 32) => `'\\x${byte.repeat(length)}'`

/** A database as a program of this schema version left it. */
async function oldDatabase(url: string, version: number): Promise<void> {
  await queryOnce(url, 'CREATE SCHEMA countersign')
  const steps = MIGRATIONS.slice(0, version).map(
    (step, i) => `${step}; INSERT INTO schema_versions VALUES (${i + 1}, 0);`,
  )
  await queryOnce(
    url,
    `SET search_path = countersign;
     CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL);
     ${steps.join('\n')}
     INSERT INTO chains VALUES (7, ${bytes('ee')}, 2, ${bytes('02')}, 1002, 1);
     INSERT INTO contracts VALUES (1, 7, ${bytes('01', 20)}, 'QueryResultRegistry', 1, NULL);
     INSERT INTO blocks VALUES (7, 2, ${bytes('02')}, 1002, 1);
     INSERT INTO records VALUES (7, 2, 0, 0, 1, ${bytes('a1', 20)}, ${bytes('61')}, ${bytes('71')}, 0, ${bytes('77')});`,
  )
}

const schemaOf = (url: string) =>
  queryOnce(
    url,
    `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
     WHERE table_schema = 'countersign' ORDER BY table_name, ordinal_position`,
  )
const indexesOf = (url: string) =>
  queryOnce(url, `SELECT indexdef FROM pg_indexes WHERE schemaname = 'countersign' ORDER BY indexname`)

describePostgres('migration of a PostgreSQL store', () => {
  for (let version = 1; version < MIGRATIONS.length; version++)
    it(`keeps everything of schema ${version}, and leaves the schema that a new database has`, async () => {
      const [old, fresh] = [await POSTGRES.newDatabase(), await POSTGRES.newDatabase()]
      try {
        await oldDatabase(old.database, version)
        for (const { database } of [old, fresh]) await (await openStore(database)).close()
        expect(await schemaOf(old.database)).to.deep.equal(await schemaOf(fresh.database))
        expect(await indexesOf(old.database)).to.deep.equal(await indexesOf(fresh.database))
        const store = await openStore(old.database)
        const [record] = await store.findRecords(Buffer.alloc(32, 0x61))
        expect(record).to.include({ blockNumber: 2, blockTime: 1002, digest: `0x${'71'.repeat(32)}` })
        expect((await Array.fromAsync(store.dump())).map((line) => line.split(' ')[0])).to.deep.equal([
          ...['records', 'checkpoint'],
        ])
        await store.close()
      } finally {
        await Promise.all([old.drop(), fresh.drop()])
      }
    })
})
