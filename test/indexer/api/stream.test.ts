import { expect } from 'chai'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { eventually } from '../../support/eventually.ts'
import { describeStores } from '../../support/stores.ts'
import { Consumer, createFeedBed, type FeedBed, listedRecords } from '../feed/feed-bed.ts'
import type { SseClient } from '../feed/sse-client.ts'

describeStores('GET /v1/stream', (engine) => {
  let bed: FeedBed

  beforeEach(async () => {
    bed = await createFeedBed(engine)
  })
  afterEach(() => bed.end())

  const typesOf = ({ events }: SseClient) => events.map(({ type }) => type)
  const has = (client: SseClient, count: number) =>
    eventually(`${count} events have come`, () => client.events.length >= count)
  /** The client has been told of the block that the index stands at. */
  const isAtEnd = async (client: SseClient, indexer: RunningIndexer) => {
    await bed.caughtUp(indexer)
    const { checkpoint } = indexer.views.get(bed.chain.chainId)!
    await eventually('the stream stands where the index does', () =>
      client.frames.some(
        ({ event, data }) =>
          event === 'checkpoint' &&
          (data as { block: { number: number } }).block.number === checkpoint!.number,
      ),
    )
  }

  it('starts now, and tells of each event as the lists do', async () => {
    await bed.writer.record()
    const indexer = await bed.start()
    const client = await bed.connect(indexer)
    const { serial } = await bed.writer.record()
    await bed.other.publish(await bed.writer.recordBatch(2))
    await bed.writer.anchor(`0x${'ab'.repeat(32)}`, 2n ** 64n - 1n)
    await has(client, 7)
    expect(typesOf(client)).to.deep.equal([
      ...Array(3).fill('record.added'),
      ...['root.added', 'record.added', 'record.added', 'root.added'],
    ])
    const { records } = await (await fetch(`${indexer.url}/v1/results/${serial}`)).json()
    const [first] = client.events
    expect({ ...first!.data, completeness: 'complete' }).to.deep.equal({
      ...records[0],
      completeness: 'complete',
    })
    expect(first!.timestamp).to.equal(new Date(records[0].block.timestamp * 1000).toISOString())
    expect(client.events.at(-1)!.data).to.deep.include({ kind: 'anchor', leafCount: String(2n ** 64n - 1n) })
  })

  it('retracts what a reorganisation takes back, and names it', async () => {
    const indexer = await bed.start()
    const client = await bed.connect(indexer)
    const base = await bed.snapshot()
    await bed.writer.record()
    await bed.writer.record()
    await has(client, 2)
    await bed.branch(base, 3)
    await has(client, 8)
    const [first, second, ...later] = client.events
    expect(later.slice(0, 2).map(({ type, retracts }) => [type, retracts])).to.deep.equal([
      ['record.retracted', second!.id],
      ['record.retracted', first!.id],
    ])
    expect(later[0]!.subject).to.equal(second!.subject)
    expect(later.slice(2).every(({ type }) => type === 'record.added')).to.equal(true)
  })

  it('goes on after the last event seen, though chain and indexer were replaced meanwhile', async () => {
    const database = await bed.newDatabase()
    const indexer = await bed.start({ database })
    const consumer = new Consumer()
    const client = await bed.connect(indexer)
    const base = await bed.snapshot()
    await bed.writer.record()
    await bed.other.recordBatch(3)
    await has(client, 4)
    client.close()
    for (const event of client.events) consumer.apply(event)
    await bed.writer.record()
    await bed.caughtUp(indexer)
    await indexer.stop()
    await bed.branch(base, 5)
    const again = await bed.start({ database })
    await bed.writer.record()
    const resumed = await bed.connect(again, { lastEventId: client.lastId! })
    await isAtEnd(resumed, again)
    for (const event of resumed.events) consumer.apply(event)
    const listed = new Map([
      ...(await listedRecords(again, bed.writer.author)),
      ...(await listedRecords(again, bed.other.author)),
    ])
    expect(consumer.records()).to.deep.equal(listed)
    expect(typesOf(resumed).filter((type) => type === 'record.retracted')).to.have.length(4)
  })

  it('goes on after every single event alike, in the middle of a block too', async () => {
    const indexer = await bed.start()
    const whole = await bed.connect(indexer)
    await bed.writer.recordBatch(3)
    await bed.other.publish(await bed.writer.recordBatch(2))
    await has(whole, 8)
    const ids = whole.events.map(({ id }) => id)
    const frames = whole.frames.filter(({ event }) => event.includes('.'))
    for (const [i, { id }] of frames.entries()) {
      const byQuery = i % 2 === 0
      const client = await bed.connect(indexer, byQuery ? { query: `?after=${id}` } : { lastEventId: id })
      await isAtEnd(client, indexer)
      expect(client.events.map((event) => event.id)).to.deep.equal(ids.slice(i + 1))
      client.close()
    }
    const all = await bed.connect(indexer, { query: '?after=beginning' })
    await isAtEnd(all, indexer)
    expect(all.events.map(({ subject }) => subject)).to.deep.equal(whole.events.map(({ subject }) => subject))
  })

  it('tells of what is final once, only when it is, and never takes it back', async () => {
    const indexer = await bed.start()
    const client = await bed.connect(indexer, { query: '?deliver=final' })
    for (let i = 0; i < 4; i++) {
      const base = await bed.snapshot()
      await bed.writer.record()
      await bed.caughtUp(indexer)
      await bed.branch(base, 2)
      await bed.caughtUp(indexer)
    }
    expect(client.events, 'nothing is final yet').to.deep.equal([])
    await bed.chain.request('anvil_mine', ['0x18'])
    await has(client, 12)
    const listed = new Map([
      ...(await listedRecords(indexer, bed.writer.author)),
      ...(await listedRecords(indexer, bed.other.author)),
    ])
    const consumer = new Consumer()
    for (const event of client.events) {
      expect(event.type).to.equal('record.final')
      expect((event.data as { finality: string }).finality).to.equal('final')
      consumer.apply(event)
    }
    expect(consumer.records()).to.deep.equal(listed)
    const half = client.frames.filter(({ event }) => event.includes('.'))[5]!
    const resumed = await bed.connect(indexer, { query: '?deliver=final', lastEventId: half.id })
    await isAtEnd(resumed, indexer)
    expect(resumed.events.map(({ id }) => id)).to.deep.equal(client.events.slice(6).map(({ id }) => id))
    const all = await bed.connect(indexer, { query: '?deliver=final&after=beginning' })
    await isAtEnd(all, indexer)
    expect(all.events.map(({ id }) => id)).to.deep.equal(client.events.map(({ id }) => id))
  })

  it('filters by kind, author, chain and registry', async () => {
    const indexer = await bed.start()
    const of = async (query: string) => bed.connect(indexer, { query })
    const clients = {
      all: await of(''),
      roots: await of('?kind=root'),
      both: await of('?kind=root&kind=record'),
      other: await of(`?author=${bed.other.author}`),
      lowerCase: await of(`?author=${bed.other.author.toLowerCase()}`),
      noChain: await of('?chainId=1'),
      noRegistry: await of(`?registry=${bed.contracts.ParticipantDirectory}`),
      registry: await of(`?registry=${bed.contracts.QueryResultRegistry}&kind=root`),
    }
    await bed.writer.record()
    await bed.other.publish(await bed.other.recordBatch(2))
    await has(clients.all, 6)
    await bed.caughtUp(indexer)
    const counts = () =>
      Object.fromEntries(Object.entries(clients).map(([name, { events }]) => [name, events.length]))
    const expected = {
      all: 6,
      roots: 1,
      both: 6,
      other: 5,
      lowerCase: 5,
      noChain: 0,
      noRegistry: 0,
      registry: 1,
    }
    await eventually(
      'all have what they asked for',
      () => JSON.stringify(counts()) === JSON.stringify(expected),
    )
    // A client to whose filter nothing was of interest has moved on nevertheless.
    await isAtEnd(clients.noRegistry, indexer)
    expect(clients.noChain.frames, 'another chain is none of its business').to.deep.equal([])
  })

  it('says where the index stands, a few times a second at most', async () => {
    const indexer = await bed.start()
    const client = await bed.connect(indexer)
    const from = performance.now()
    for (let i = 0; i < 40; i++) await bed.chain.request('anvil_mine', ['0x1'])
    await isAtEnd(client, indexer)
    const checkpoints = client.frames.filter(({ event }) => event === 'checkpoint')
    const quarters = Math.ceil((performance.now() - from) / 250)
    expect(checkpoints.length).to.be.within(2, quarters + 1)
    expect(checkpoints.at(-1)!.data).to.deep.include({ chainId: bed.chain.chainId, state: 'following' })
  })

  it('refuses what it cannot resume from or does not know', async () => {
    const indexer = await bed.start()
    const refused = async (options: Parameters<FeedBed['connect']>[1]) => {
      const { status, body, response } = await bed.connect(indexer, options)
      expect(response.headers['content-type']).to.include('application/problem+json')
      return [status, JSON.parse(body).code]
    }
    expect(await refused({ lastEventId: 'rubbish' })).to.deep.equal([400, 'CURSOR_INVALID'])
    const future = Buffer.from(JSON.stringify([0, [1_000_000, 0], []])).toString('base64url')
    expect(await refused({ lastEventId: future })).to.deep.equal([410, 'FEED_EXPIRED'])
    const instant = Buffer.from(JSON.stringify([0, [1, 0], []])).toString('base64url')
    expect(await refused({ lastEventId: instant, query: '?deliver=final' })).to.deep.equal([
      400,
      'CURSOR_INVALID',
    ])
    for (const query of ['?kind=nothing', '?author=0x12', '?chainId=x', '?deliver=both', '?after='])
      expect(await refused({ query })).to.deep.equal([400, 'REQUEST_INVALID'])
  })

  it('has as many streams as it is set to, and of one address a quarter', async () => {
    const indexer = await bed.start({ maxStreams: 8 })
    const clients = [await bed.connect(indexer), await bed.connect(indexer)]
    const refused = await bed.connect(indexer)
    expect([refused.status, JSON.parse(refused.body).code]).to.deep.equal([
      429,
      'STREAMS_PER_ADDRESS_EXHAUSTED',
    ])
    clients[0]!.close()
    await eventually('one is free again', async () => {
      const next = await bed.connect(indexer)
      return next.status === 200
    })
    const none = await bed.start({ maxStreams: 0 })
    const full = await bed.connect(none)
    expect([full.status, JSON.parse(full.body).code]).to.deep.equal([503, 'STREAMS_EXHAUSTED'])
  })

  it('ends in order when the indexer stops', async () => {
    const indexer = await bed.start()
    const clients = [await bed.connect(indexer), await bed.connect(indexer)]
    await bed.writer.record()
    for (const client of clients) await has(client, 1)
    const from = performance.now()
    await indexer.stop()
    // A request that holds a stop up does so for ten seconds.
    expect(performance.now() - from, 'nothing waits for a stream').to.be.below(5_000)
    // What was sent last may be still to be read here.
    await eventually('the streams have ended', () => clients.every(({ hasEnded }) => hasEnded))
    for (const { response } of clients) expect(response.complete, 'in order, not cut').to.equal(true)
  })
})
