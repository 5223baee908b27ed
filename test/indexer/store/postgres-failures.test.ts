import { expect } from 'chai'
import pg from 'pg'
import { openStore } from '../../../indexer/store/open-store.ts'
import { parseDatabaseUrl } from '../../../indexer/store/postgres/connection.ts'
import type { StatementBatch } from '../../../indexer/store/postgres/statement-batch.ts'
import { WriterSession } from '../../../indexer/store/postgres/writer-session.ts'
import type { SqlWriter } from '../../../indexer/store/sql/engine.ts'
import type { ChainCommit } from '../../../indexer/store/store.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { queryOnce } from '../../support/postgres-server.ts'
import { STORES } from '../../support/stores.ts'

const POSTGRES = STORES.find(({ name }) => name === 'PostgreSQL')!
const { skipReason } = POSTGRES
const describePostgres = skipReason === undefined ? describe : describe.skip

const INSERT = 'INSERT INTO things (id) VALUES ($1)'
const CHAIN = 7
const LOCKS = `SELECT count(*)::int AS count FROM pg_locks
  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
const hashOf = (number: number): Buffer => Buffer.alloc(32, number)
/** A block with one record. */
const commitOf = (number: number): ChainCommit => ({
  chainId: CHAIN,
  blocks: [],
  rows: [
    {
      table: 'records',
      values: [CHAIN, number, 0, 0, 1, Buffer.alloc(20), hashOf(number), hashOf(number), 0, hashOf(number)],
    },
  ],
  heads: [],
  checkpoint: { number, hash: hashOf(number), timestamp: number, finalNumber: 0 },
})
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: unknown) => (isCountersignError(error) ? error.code : error),
  )

describePostgres(`failures of PostgreSQL${skipReason === undefined ? '' : ` (${skipReason})`}`, () => {
  let url: string
  let drop: () => Promise<void>
  const { query } = pg.Client.prototype
  let onQuery: (client: pg.Client, given: unknown) => void

  beforeEach(async () => {
    ;({ database: url, drop } = await POSTGRES.newDatabase())
    onQuery = () => {}
    pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
      onQuery(this, given[0])
      return (query as (...given: unknown[]) => unknown).apply(this, given)
    } as typeof query
  })
  afterEach(async () => {
    pg.Client.prototype.query = query
    await drop()
  })

  describe('session', () => {
    let session: WriterSession
    /** The connection that wrote last. */
    let client: pg.Client
    beforeEach(async () => {
      await queryOnce(url, 'CREATE SCHEMA countersign CREATE TABLE things (id BIGINT PRIMARY KEY, text TEXT)')
      session = await WriterSession.open(parseDatabaseUrl(url), async () => {})
      onQuery = (used) => {
        client = used
      }
    })
    afterEach(() => session.close())

    const write = (work: (writer: SqlWriter) => Promise<unknown>) => caught(session.transaction(work))
    /** On the connection of the session, which does not know of it. */
    const beside = (sql: string) => (query as (sql: string) => Promise<unknown>).call(client, sql)
    const insert = (id: number) => write((writer) => writer.send(INSERT, id))
    const idsInTable = async (): Promise<number[]> =>
      (await queryOnce(url, 'SELECT id FROM countersign.things ORDER BY id')).map(({ id }) => Number(id))
    async function insertOnNewSession(id: number): Promise<void> {
      let last: unknown
      for (const deadline = Date.now() + 5_000; Date.now() < deadline; ) {
        last = await insert(id)
        if (last !== 'STORE_UNAVAILABLE') break
      }
      expect(last).to.equal('done')
    }

    it('refuses what is no value before anything of its message goes out', async () => {
      expect(await insert(3)).to.equal('done')
      const used = client
      for (const value of [true, {}, undefined, []] as never[]) {
        for (const ask of ['send', 'query'] as const) {
          const failed = await write(async (writer) => {
            await writer.send(INSERT, 1)
            await writer[ask](INSERT, value)
          })
          expect(failed).to.be.instanceOf(TypeError)
        }
        const unseen = await write(async (writer) => {
          await writer.send(INSERT, 1)
          await writer.send(INSERT, value).catch(() => {})
        })
        expect(unseen).to.be.instanceOf(TypeError)
      }
      expect(await insert(2)).to.equal('done')
      expect(client === used, 'the connection was kept').to.equal(true)
      expect(await idsInTable()).to.deep.equal([2, 3])
    })

    it('gives up a connection that half a message was written to', async () => {
      expect(await insert(1)).to.equal('done')
      const { connection } = client as pg.Client & { connection: pg.Connection }
      connection.sync = () => {
        throw new RangeError('too long')
      }
      expect(await insert(2)).to.be.instanceOf(RangeError)
      await insertOnNewSession(2)
      expect(await idsInTable()).to.deep.equal([1, 2])
    })

    it('begins anew, with its lock, where somebody took back what it had prepared', async () => {
      for (const [id, statement] of ['DISCARD ALL', 'DEALLOCATE ALL'].entries()) {
        expect(await insert(10 + id)).to.equal('done')
        await beside(statement)
        expect(await insert(20 + id)).to.equal('STORE_UNAVAILABLE')
        await insertOnNewSession(30 + id)
        expect(await queryOnce(url, LOCKS)).to.deep.equal([{ count: 1 }])
      }
      expect(await idsInTable()).to.deep.equal([10, 11, 30, 31])
    })

    it('begins anew where a statement gives other columns than it did', async () => {
      const ask = () => write((writer) => writer.query('SELECT * FROM things'))
      expect(await ask()).to.equal('done')
      await queryOnce(url, 'ALTER TABLE countersign.things ADD COLUMN more INTEGER')
      expect(await ask()).to.equal('STORE_UNAVAILABLE')
      await insertOnNewSession(1)
      expect(await ask()).to.equal('done')
    })

    it('says that nothing was committed when the server answers COMMIT with ROLLBACK', async () => {
      const aborted = await write(async (writer) => {
        await writer.query(`${INSERT} RETURNING id`, 1)
        await beside('SELEKT').catch(() => {})
      })
      expect(aborted).to.equal('STORE_UNAVAILABLE')
      expect(await idsInTable()).to.deep.equal([])
      expect(await insert(2)).to.equal('done')
      expect(await idsInTable()).to.deep.equal([2])
    })
  })

  describe('store', () => {
    const open = async (settings = '') => {
      const store = await openStore(`${url}?schema=whole${settings}`)
      const checkpoint = { number: 0, hash: hashOf(0), timestamp: 0, finalNumber: 0 }
      await store.createChain({ chainId: CHAIN, genesisHash: hashOf(0), checkpoint })
      return store
    }

    it('drops a chain table by table: each may take as long as one answer', async () => {
      const store = await open('&query_timeout=2500')
      try {
        await store.commit(commitOf(1))
        await queryOnce(
          url,
          `CREATE FUNCTION whole.linger() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep(0.8); RETURN NULL; END'`,
        )
        for (const table of ['records', 'roots', 'orphaned_records', 'blocks'])
          await queryOnce(
            url,
            `CREATE TRIGGER linger BEFORE DELETE ON whole.${table} FOR EACH STATEMENT EXECUTE FUNCTION whole.linger()`,
          )
        expect(await caught(store.dropChain(CHAIN))).to.equal('done')
        expect(await store.listChains()).to.deep.equal([])
      } finally {
        await store.close()
      }
    })

    it('looks for orphans at once, where nobody heard that the rollback was committed', async () => {
      const store = await open()
      try {
        for (const number of [1, 2, 3]) await store.commit(commitOf(number))
        onQuery = ({ connection }: pg.Client & { connection?: pg.Connection }, given) => {
          // The last of two messages is committed, and its answer lost.
          if (++messages !== 2) return
          const batch = given as StatementBatch
          batch.handleReadyForQuery = () => {
            connection!.stream.destroy()
            batch.handleError(new Error('Connection terminated unexpectedly'))
          }
        }
        let messages = 0
        expect(await caught(store.commit({ ...commitOf(2), rollbackTo: 1 }))).to.equal('STORE_UNAVAILABLE')
        onQuery = () => {}
        expect(await store.findOrphanedRecords(hashOf(3))).to.have.length(1)
      } finally {
        await store.close()
      }
    })
  })
})
