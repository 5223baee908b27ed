import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { eventually } from '../../support/eventually.ts'
import {
  type PostgresServer,
  postgresMissing,
  queryOnce,
  startPostgresServer,
} from '../../support/postgres-server.ts'
import { CHAIN, RandomChain, type Step } from './random-chain.ts'

const APPEND: Step = { kind: 'append', seeds: [0, 1, 2, 0, 3, 3, 3, 3] }
const codeOf = (error: unknown): unknown => (isCountersignError(error) ? error.code : error)
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'done', codeOf)

const missing = postgresMissing()
const describeServer = missing === undefined ? describe : describe.skip

describeServer(`PostgreSQL store${missing === undefined ? '' : ` (${missing})`}`, function () {
  this.timeout(60_000)
  let server: PostgresServer
  let store: Store
  let chain: RandomChain
  let made = 0

  before(async () => {
    server = await startPostgresServer()
  })
  after(() => server.drop())
  beforeEach(async () => {
    const database = `d${made++}`
    await queryOnce(server.url, `CREATE DATABASE ${database}`)
    url = server.url.replace(/postgres$/, database)
    store = await openStore(url)
    chain = new RandomChain(store)
    await chain.begin()
    await chain.take(APPEND)
  })
  afterEach(() => store.close())
  let url: string

  const numberInStore = async () => (await store.listChains())[0]!.checkpoint.number

  for (const end of ['stop', 'kill'] as const)
    it(`says that its database is gone, and goes on when it is back (${end})`, async () => {
      const dump = await Array.fromAsync(store.dump())
      await server[end]()
      expect(await caught(store.findRecords(Buffer.alloc(32), { limit: 1 }))).to.equal('STORE_UNAVAILABLE')
      expect(await caught(store.version())).to.equal('STORE_UNAVAILABLE')
      expect(await caught(Array.fromAsync(store.dump()))).to.equal('STORE_UNAVAILABLE')
      expect(await caught(store.setCaughtUpTo(1, null))).to.equal('STORE_UNAVAILABLE')
      await sleep(300)
      await server.start()
      expect(await Array.fromAsync(store.dump())).to.deep.equal(dump)
      await eventually('the writer has its lock again', async () => {
        return (await caught(store.setCaughtUpTo(1, null))) === 'done'
      })
      await chain.take(APPEND)
      expect(await numberInStore()).to.equal(chain.head)
    })

  it('lets go of its lock when it cannot be opened after all', async () => {
    await store.close()
    await queryOnce(url, 'ALTER TABLE countersign.orphaned_records RENAME TO elsewhere')
    expect(await caught(openStore(url))).not.to.equal('done')
    await queryOnce(url, 'ALTER TABLE countersign.elsewhere RENAME TO orphaned_records')
    store = await openStore(url)
  })

  it('never writes a step twice or halfway when the server dies in the middle of it', async () => {
    for (let i = 0; i < 6; i++) {
      const before = await numberInStore()
      const { checkpoint } = (await store.listChains())[0]!
      const number = checkpoint.number + 1
      const hash = Buffer.alloc(32, number)
      const commit = {
        chainId: CHAIN,
        base: checkpoint.hash,
        blocks: [{ number, hash, timestamp: number }],
        rows: [
          {
            table: 'records' as const,
            values: Array.from({ length: 3_000 }, (_, n) => [
              ...[CHAIN, number, n, 0, 1, Buffer.alloc(20), Buffer.alloc(32, number), Buffer.alloc(32), 0],
              Buffer.alloc(32),
            ]).flat(),
          },
        ],
        heads: [],
        checkpoint: { number, hash, timestamp: number, finalNumber: 0 },
      }
      const outcome = caught(store.commit(commit))
      await sleep(4 * i)
      await server.kill()
      expect(await outcome).to.be.oneOf(['done', 'STORE_UNAVAILABLE'])
      await server.start()
      // As whoever is not told does it: once more from the same base.
      let again: unknown
      await eventually('the commit is taken or refused', async () => {
        again = await caught(store.commit(commit))
        return again !== 'STORE_UNAVAILABLE'
      })
      expect(again).to.be.oneOf(['done', 'STORE_CHANGED'])
      expect(await numberInStore()).to.equal(before + 1)
      expect(await store.findRecords(Buffer.alloc(32, number))).to.have.length(3_000)
    }
  })

  it('takes its lock again at once when its session is ended, and not while another writer has it', async () => {
    const endSessions = () =>
      queryOnce(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
      )
    await endSessions()
    await eventually('the lock is taken again', async () => {
      const locks = await queryOnce(
        url,
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
      )
      return locks.length === 1
    })
    expect(await caught(openStore(url))).to.equal('INDEX_DATABASE_LOCKED')
    await store.close()
    const successor = await openStore(url)
    expect(await caught(store.setCaughtUpTo(1, null)), 'after closing').to.equal('STORE_UNAVAILABLE')
    await successor.close()
    store = await openStore(url)
  })

  it('keeps indexes of several programs apart by schema', async () => {
    const other = await openStore(`${url}?schema=other`)
    expect(await other.listChains()).to.deep.equal([])
    await other.close()
    for (const schema of ['a b', 'A', 'pg_x', 'x";--', ''])
      expect(await caught(openStore(`${url}?schema=${encodeURIComponent(schema)}`))).to.equal(
        'CONFIGURATION_INVALID',
      )
  })

  it('refuses a schema that a newer program made, and servers that do not let it in', async () => {
    await queryOnce(url, 'INSERT INTO countersign.schema_versions VALUES (999, 0)')
    await store.close()
    expect(await caught(openStore(url))).to.equal('INDEX_DATABASE_NEWER')
    expect(await caught(openStore(url, { mode: 'reader' }))).to.equal('INDEX_DATABASE_NEWER')
    expect(await caught(openStore(`${url}_none`))).to.equal('INDEX_DATABASE_UNREADABLE')
    expect(await caught(openStore('postgres://127.0.0.1:1/none'))).to.equal('STORE_UNAVAILABLE')
    await queryOnce(url, 'DELETE FROM countersign.schema_versions WHERE version = 999')
    store = await openStore(url)
  })

  describe('reader', () => {
    it('reads what the writer commits, and never writes', async () => {
      const reader = (await openStore(url, { mode: 'reader' })) as Store
      try {
        const version = await reader.version()
        await chain.take(APPEND)
        expect(await reader.version()).to.equal(version + 1)
        expect(await Array.fromAsync(reader.dump())).to.deep.equal(await Array.fromAsync(store.dump()))
        await chain.take({ kind: 'rollback', seeds: [0, 1, 0, 0, 0, 0, 0, 0] })
        expect(await caught(reader.dropChain(CHAIN))).to.equal('STORE_READ_ONLY')
      } finally {
        await reader.close()
      }
    })

    it('waits for the writer to make the schema', async () => {
      expect(await caught(openStore(`${url}?schema=none_yet`, { mode: 'reader' }))).to.equal(
        'STORE_UNAVAILABLE',
      )
    })

    it('reads from a replica and says how far behind it is', async () => {
      const replica = await server.startReplica()
      const replicaUrl = url.replace(`:${server.port}/`, `:${replica.port}/`)
      expect(await caught(openStore(replicaUrl))).to.equal('STORE_READ_ONLY')
      const reader = await openStore(replicaUrl, { mode: 'reader' })
      try {
        await chain.take(APPEND)
        const version = await store.version()
        await eventually('the replica has it', async () => (await reader.version()) === version)
        const held = await reader.holdMoment!()
        for (const dump of [reader.dump(), reader.dump(undefined, held.id)])
          expect(await Array.fromAsync(dump)).to.deep.equal(await Array.fromAsync(store.dump()))
        await held.release()
        await eventually('it says that it lacks nothing', async () => {
          const { isReplica, seconds } = await reader.replicationLag()
          return isReplica && seconds !== null && seconds < 1
        })
        const end = await store.feedEnd()
        // A position from the primary that the replica has not reached is no error.
        expect(
          await reader.listFeed({ after: { version: end.version + 5, ordinal: 0 }, limit: 1 }),
        ).to.deep.equal([])
        await queryOnce(replica.url, 'SELECT pg_wal_replay_pause()')
        await chain.take(APPEND)
        await eventually('the lag grows', async () => ((await reader.replicationLag()).seconds ?? 0) > 0.2)
        expect(await reader.version()).to.equal(version)
        await queryOnce(replica.url, 'SELECT pg_wal_replay_resume()')
        await eventually('it catches up', async () => (await reader.version()) === version + 1)
      } finally {
        await reader.close()
        await replica.drop()
      }
    })
  })
})
