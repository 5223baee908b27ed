import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { EventDocument } from '../../../indexer/feed/event-schemas.ts'
import { type IndexerProcess, spawnIndexer } from '../../chaos/indexer-process.ts'
import { eventually } from '../../support/eventually.ts'
import { addressBookOf, databasePath } from '../../support/indexer.ts'
import {
  type PostgresServer,
  postgresMissing,
  queryOnce,
  startPostgresServer,
} from '../../support/postgres-server.ts'
import { STORES } from '../../support/stores.ts'
import { Consumer, createFeedBed, type FeedBed, listedRecords } from '../feed/feed-bed.ts'
import type { SseClient } from '../feed/sse-client.ts'

const POSTGRES = STORES.find(({ name }) => name === 'PostgreSQL')!
const ROUNDS = 8
const MAX_ROUNDS = 100

const applyTo = (consumer: Consumer, events: readonly EventDocument[]): void => {
  for (const event of events) consumer.applyAfterCut(event)
}

interface Launched {
  url: string
  child: IndexerProcess
}

describe('the feed of reader processes', function () {
  this.timeout(90_000)
  const reason = postgresMissing()
  if (reason !== undefined) return it.skip(reason)

  let primary: PostgresServer
  let replica: PostgresServer
  let bed: FeedBed
  let book: string
  let startWriter: () => Promise<Launched>
  let writer: Launched
  let databases = 0
  /** Two on the writer's database, one on its replica. */
  let readers: Launched[]

  before(async () => {
    primary = await startPostgresServer()
    replica = await primary.startReplica()
  })
  after(async () => {
    await replica?.drop()
    await primary?.drop()
  })
  beforeEach(async () => {
    bed = await createFeedBed(POSTGRES)
    book = join(dirname(databasePath()), 'address-book.json')
    writeFileSync(book, JSON.stringify(addressBookOf([bed.testChain])))
    const name = `feed_${++databases}`
    await queryOnce(primary.url, `CREATE DATABASE ${name}`)
    const [database, copy] = [primary, replica].map(
      ({ url }) => Object.assign(new URL(url), { pathname: name }).href,
    )
    startWriter = () => launch('writer', database!)
    writer = await startWriter()
    readers = [await launch('reader', database!), await launch('reader', database!)]
    await eventually(
      'the replica has the schema',
      () =>
        launch('reader', copy!).then(
          (launched) => readers.push(launched) > 0,
          () => false,
        ),
      40_000,
    )
  })
  afterEach(() => bed?.end())

  async function launch(role: 'writer' | 'reader', database: string): Promise<Launched> {
    const child = spawnIndexer({
      COUNTERSIGN_ADDRESS_BOOK: book,
      INDEXER_DATABASE: database,
      INDEXER_ROLE: role,
      INDEXER_POLL_MS: '20',
      INDEXER_READER_POLL_MS: '20',
    })
    bed.keep(() => child.kill(), child)
    return { url: await child.listening, child }
  }

  /** The stream has told of the block that the chain's head is. */
  async function isAtHead(client: SseClient): Promise<void> {
    const { hash } = await bed.chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
    await eventually('the stream stands at the head', () => {
      expect(client.hasEnded, JSON.stringify(client.frames.at(-1))).to.equal(false)
      return client.frames.some(
        ({ event, data }) =>
          event === 'checkpoint' && (data as { block: { hash: string } }).block.hash === hash,
      )
    })
  }
  const listed = async (from: Launched) =>
    new Map([
      ...(await listedRecords(from as never, bed.writer.author)),
      ...(await listedRecords(from as never, bed.other.author)),
    ])

  it('goes on at any other after the last event seen, while the writer commits and takes back', async () => {
    const consumer = new Consumer()
    let lastEventId: string | undefined
    const stayed = await Promise.all(
      [writer, ...readers].map((one) => bed.connect(one, { query: '?after=beginning' })),
    )
    let done = false
    let turns = 0
    let moved = 0
    const writing = (async () => {
      for (let i = 0; i < ROUNDS || (moved < 3 && i < MAX_ROUNDS); i++) {
        const base = await bed.snapshot()
        await bed.writer.recordBatch(3)
        await bed.other.record()
        if (i % 2 === 0) await bed.branch(base, 3)
      }
      done = true
    })()
    while (!done) {
      // From one to the next, the replica too: it may not have what the last one told of yet.
      const reader = readers[turns++ % readers.length]!
      const client = await bed.connect(
        reader,
        lastEventId === undefined ? { query: '?after=beginning' } : { lastEventId },
      )
      expect(client.status, client.body).to.equal(200)
      await Promise.race([
        eventually('something comes', () => client.events.length >= 2),
        new Promise((resolve) => setTimeout(resolve, 200)),
      ])
      client.close()
      applyTo(consumer, client.events)
      if (client.events.length > 0) moved++
      lastEventId = client.lastId ?? lastEventId
    }
    await writing
    expect(moved, 'events came over several connections').to.be.above(2)
    const last = await bed.connect(readers[turns % readers.length]!, { lastEventId: lastEventId! })
    for (const client of [last, ...stayed]) await isAtHead(client)
    applyTo(consumer, last.events)
    const truth = await listed(writer)
    expect(truth.size).to.be.above(ROUNDS * 2)
    expect(consumer.records()).to.deep.equal(truth)
    for (const reader of readers) expect(await listed(reader)).to.deep.equal(truth)
    for (const client of stayed) {
      const followed = new Consumer()
      for (const event of client.events) followed.apply(event)
      expect(followed.records()).to.deep.equal(truth)
    }
  })

  it('says nothing twice and leaves nothing out over every single event, from reader to reader', async () => {
    const client = await bed.connect(readers[0]!)
    await bed.writer.recordBatch(3)
    const base = await bed.snapshot()
    await bed.other.recordBatch(2)
    await eventually('five events have come', () => client.events.length === 5)
    await bed.branch(base, 2)
    await isAtHead(client)
    expect(client.events.filter(({ type }) => type === 'record.retracted')).to.have.length(2)
    const truth = await listed(writer)
    const frames = client.frames.filter(({ event }) => event.includes('.'))
    for (const [i, { id }] of frames.entries()) {
      const resumed = await bed.connect(readers[1 + (i % 2)]!, { lastEventId: id })
      await isAtHead(resumed)
      const consumer = new Consumer()
      for (const event of client.events.slice(0, i + 1)) consumer.apply(event)
      applyTo(consumer, resumed.events)
      expect(consumer.records(), `after event ${i}`).to.deep.equal(truth)
      resumed.close()
    }
  })

  it('goes on from reader to reader while there is no writer, and with the next one', async () => {
    const client = await bed.connect(readers[0]!)
    await bed.writer.recordBatch(2)
    await eventually('both have come', () => client.events.length === 2)
    await writer.child.kill()
    const resumed = await bed.connect(readers[1]!, { lastEventId: client.frames[0]!.id })
    expect(resumed.status, resumed.body).to.equal(200)
    await bed.writer.record()
    writer = await startWriter()
    await isAtHead(resumed)
    const [first] = client.frames.filter(({ event }) => event.includes('.'))
    const again = await bed.connect(readers[2]!, { lastEventId: first!.id })
    await isAtHead(again)
    expect(again.events).to.have.length(2)
    expect(again.events.map(({ id }) => id).slice(1)).to.deep.equal(
      resumed.events.map(({ id }) => id).slice(-1),
    )
  })
})
