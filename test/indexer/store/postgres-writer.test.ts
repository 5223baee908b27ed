import { expect } from 'chai'
import pg from 'pg'
import { openStore } from '../../../indexer/store/open-store.ts'
import { parseDatabaseUrl } from '../../../indexer/store/postgres/connection.ts'
import { WriterSession } from '../../../indexer/store/postgres/writer-session.ts'
import type { SqlWriter } from '../../../indexer/store/sql/engine.ts'
import type { ChainCommit } from '../../../indexer/store/store.ts'
import type { Value } from '../../../indexer/store/tables.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { queryOnce } from '../../support/postgres-server.ts'
import { STORES } from '../../support/stores.ts'

const POSTGRES = STORES.find(({ name }) => name === 'PostgreSQL')!
const { skipReason } = POSTGRES
const describePostgres = skipReason === undefined ? describe : describe.skip

const SCHEMA = `
  CREATE SCHEMA countersign
  CREATE TABLE things (id BIGINT PRIMARY KEY, small SMALLINT, number INTEGER, text TEXT, bytes BYTEA)`
const INSERT = 'INSERT INTO things (id, text) VALUES ($1, $2)'
const COLUMNS = ['id', 'small', 'number', 'text', 'bytes']
const CHAIN = 7
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
  heads: [
    {
      contractId: 1,
      author: Buffer.alloc(20),
      blockNumber: number,
      head: hashOf(number),
      entryCount: number,
      verified: true,
    },
  ],
  checkpoint: { number, hash: hashOf(number), timestamp: number, finalNumber: 0 },
})
const codeOf = (error: unknown): unknown =>
  isCountersignError(error) ? error.code : (error as { code?: string }).code
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'done', codeOf)

describePostgres(`what is written to PostgreSQL${skipReason === undefined ? '' : ` (${skipReason})`}`, () => {
  let url: string
  let drop: () => Promise<void>
  let session: WriterSession
  let messages: unknown[]
  const query = pg.Client.prototype.query

  beforeEach(async () => {
    const made = await POSTGRES.newDatabase()
    ;({ drop } = made)
    url = made.database
    await queryOnce(url, SCHEMA)
    session = await WriterSession.open(parseDatabaseUrl(url), async () => {})
    messages = []
    pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
      messages.push(given[0])
      return (query as (...given: unknown[]) => unknown).apply(this, given)
    } as typeof query
  })
  afterEach(async () => {
    pg.Client.prototype.query = query
    await session.close()
    await drop()
  })

  /** Looked up elsewhere: only what was committed. */
  const idsInTable = async (): Promise<number[]> => {
    const rows = await queryOnce(url, 'SELECT id FROM countersign.things ORDER BY id')
    return rows.map(({ id }) => Number(id))
  }
  const transaction = <Result>(work: (writer: SqlWriter) => Promise<Result>) => session.transaction(work)
  const insert = (id: number) => (writer: SqlWriter) => writer.send(INSERT, id, 'a')

  it('takes one message to the server for all that nobody waits for, with beginning and end', async () => {
    await transaction(async (writer) => {
      for (let id = 1; id <= 5; id++) await writer.send(INSERT, id, 'a')
      await writer.insertRows('things', COLUMNS, [6, null, null, null, null, 7, null, null, null, null])
      await writer.upsertRows(
        'things',
        ['id', 'text'],
        [7, 'b'],
        'ON CONFLICT (id) DO UPDATE SET text = excluded.text',
      )
      await writer.runMany('DELETE FROM things WHERE id = $1', [[1], [2]])
    })
    expect(messages).to.have.length(1)
    expect(await idsInTable()).to.deep.equal([3, 4, 5, 6, 7])
  })

  it('answers what is asked in the order of everything else, and what is asked at once in one message', async () => {
    const answers = await transaction(async (writer) => {
      await writer.send(INSERT, 1, 'a')
      const asked = Promise.all([
        writer.query('SELECT COUNT(*) FROM things'),
        writer.query('DELETE FROM things RETURNING id, text, bytes'),
        writer.query('SELECT COUNT(*) FROM things'),
      ])
      const before = await asked
      await writer.send(INSERT, 2, 'a')
      return [...before, await writer.query('SELECT id FROM things')]
    })
    expect(answers).to.deep.equal([[[1]], [[1, 'a', null]], [[0]], [[2]]])
    expect(messages).to.have.length(3)
  })

  it('commits nothing when something fails that nobody waited for, and says what', async () => {
    const failing: [string, (writer: SqlWriter) => Promise<unknown>, string][] = [
      [
        'first',
        async (writer) => [await writer.send(INSERT, 1, 'a'), await writer.send(INSERT, 2, 'a')],
        '23505',
      ],
      [
        'in the middle',
        async (writer) => [await insert(2)(writer), await insert(1)(writer), await insert(3)(writer)],
        '23505',
      ],
      ['last', async (writer) => [await insert(2)(writer), await insert(1)(writer)], '23505'],
      [
        'before a question',
        async (writer) => [await insert(1)(writer), await writer.query('SELECT 1')],
        '23505',
      ],
      [
        'before a COPY',
        async (writer) => {
          await insert(1)(writer)
          await writer.insertRows(
            'things',
            ['id'],
            Array.from({ length: 50 }, (_, i) => 100 + i),
          )
        },
        '23505',
      ],
      [
        'in a COPY',
        async (writer) => {
          await insert(2)(writer)
          await writer.insertRows(
            'things',
            ['id'],
            Array.from({ length: 50 }, () => 100),
          )
        },
        '23505',
      ],
      ['out of range', (writer) => writer.send('UPDATE things SET small = $1', 32_768), '22003'],
      ['not SQL', (writer) => writer.send('SELEKT 1'), '42601'],
      ['not there', (writer) => writer.send('DELETE FROM nothing_such'), 'STORE_UNAVAILABLE'],
      [
        'read only',
        async (writer) => [await writer.send('SET TRANSACTION READ ONLY'), await insert(2)(writer)],
        'STORE_READ_ONLY',
      ],
      [
        'told to nobody',
        async (writer) => {
          await insert(1)(writer)
          await writer.query('SELECT 1').catch(() => {})
          await insert(2)(writer)
        },
        '23505',
      ],
    ]
    await transaction(insert(1))
    for (const [what, work, code] of failing) {
      expect(await caught(transaction(work)), what).to.equal(code)
      expect(await idsInTable(), what).to.deep.equal([1])
    }
    await transaction(insert(4))
    expect(await idsInTable()).to.deep.equal([1, 4])
  })

  it('drops what was collected when the work itself fails', async () => {
    const failed = transaction(async (writer) => {
      await writer.send(INSERT, 1, 'a')
      throw new TypeError('no')
    })
    expect(await failed.catch((error: unknown) => error)).to.be.instanceOf(TypeError)
    expect(messages, 'nothing was begun').to.deep.equal([])
    await transaction(insert(2))
    expect(await idsInTable()).to.deep.equal([2])
  })

  it('prepares a statement again whose first use failed', async () => {
    const other = 'INSERT INTO things (text, id) VALUES ($1, $2)'
    await transaction(insert(1))
    expect(await caught(transaction((writer) => writer.send(other, 'a', 1)))).to.equal('23505')
    await transaction((writer) => writer.send('UPDATE things SET text = $1', 'c'))
    await transaction((writer) => writer.send(other, 'a', 2))
    expect(await idsInTable()).to.deep.equal([1, 2])
  })

  it('keeps values as they are, whichever way they go', async () => {
    const texts = ["it's", 'a\\b', '$1', 'x\u0000y', '\uFFFE0', 'é\u{1F600}', '', "'; DROP TABLE things; --"]
    const numbers = [
      0,
      -1,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      2 ** 32,
      2 ** 31 - 1,
      -(2 ** 31),
    ]
    const row = (id: number, n: number): Value[] => [
      id,
      n % 3 === 0 ? null : n - 4,
      n % 3 === 1 ? null : 2 ** 31 - 1 - n,
      n % 4 === 3 ? null : texts[n % texts.length]!,
      n % 3 === 2 ? null : Buffer.from([0, n, 255, 92, 39]),
    ]
    const few = numbers.map((id, n) => row(id, n))
    const many = Array.from({ length: 40 }, (_, n) => row(1_000 + n, n))
    await transaction(async (writer) => {
      await writer.insertRows('things', COLUMNS, few.flat())
      await writer.insertRows('things', COLUMNS, many.flat())
    })
    const read = async () => transaction((writer) => writer.query('SELECT * FROM things ORDER BY id'))
    const expected = [...few, ...many].toSorted((a, b) => (a[0] as number) - (b[0] as number))
    expect(await read()).to.deep.equal(expected)
    const all =
      'ON CONFLICT (id) DO UPDATE SET small = excluded.small, number = excluded.number, text = excluded.text, bytes = excluded.bytes'
    await transaction(async (writer) => {
      await writer.send('UPDATE things SET small = NULL, number = NULL, text = NULL, bytes = NULL')
      await writer.upsertRows('things', COLUMNS, few.flat(), all)
      await writer.upsertRows('things', COLUMNS, many.flat(), all)
    })
    expect(await read()).to.deep.equal(expected)
  })

  it('lets neither the number nor the size of what it collects grow without bounds', async () => {
    const ids = Array.from({ length: 1_200 }, (_, i) => i + 1)
    await transaction(async (writer) => {
      await writer.runMany(
        INSERT,
        ids.map((id) => [id, 'a']),
      )
      expect(messages).to.have.length(2)
    })
    expect(await idsInTable()).to.deep.equal(ids)
    messages = []
    await transaction(async (writer) => {
      for (const id of [1, 2, 3, 4])
        await writer.send('UPDATE things SET text = $1 WHERE id = $2', 'x'.repeat(300_000), id)
      expect(messages).to.have.length(1)
      const asked = await Promise.all(
        ids.map((id) => writer.query('SELECT id FROM things WHERE id = $1', id)),
      )
      expect(asked).to.deep.equal(ids.map((id) => [[id]]))
    })
    expect(messages).to.have.length(5)
  })

  for (const end of ['before anything', 'in the middle', 'in the last message'] as const)
    it(`says that the store is gone when its connection breaks ${end}, and writes on a new one`, async () => {
      const broken = transaction(async (writer) => {
        if (end === 'before anything') {
          const lock = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
          await queryOnce(url, `SELECT pg_terminate_backend(pid) FROM (${lock}) l`)
        }
        await writer.send(INSERT, 1, 'a')
        if (end !== 'before anything') await writer.send('SELECT pg_terminate_backend(pg_backend_pid())')
        await writer.send(INSERT, 2, 'a')
        if (end === 'in the middle') await writer.query('SELECT 1')
      })
      expect(await caught(broken)).to.equal('STORE_UNAVAILABLE')
      expect(await idsInTable()).to.deep.equal([])
      let again: unknown
      do again = await caught(transaction(insert(3)))
      while (again === 'STORE_UNAVAILABLE')
      expect(again).to.equal('done')
      expect(await idsInTable()).to.deep.equal([3])
    })

  it('takes two messages for a commit near the head, and for one that rolls back', async () => {
    const store = await openStore(`${url}?schema=whole`)
    try {
      const checkpoint = { number: 0, hash: hashOf(0), timestamp: 0, finalNumber: 0 }
      await store.createChain({ chainId: CHAIN, genesisHash: hashOf(0), checkpoint })
      await store.commit(commitOf(1))
      for (const commit of [commitOf(2), commitOf(3), { ...commitOf(2), rollbackTo: 1 }, commitOf(3)]) {
        messages = []
        await store.commit(commit)
        expect(messages).to.have.length(2)
      }
      expect((await store.listChains())[0]!.checkpoint.number).to.equal(3)
      expect(await store.findRecords(hashOf(2))).to.have.length(1)
      expect(await store.findOrphanedRecords(hashOf(2))).to.have.length(1)
    } finally {
      await store.close()
    }
  })
})
