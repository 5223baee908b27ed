import { expect } from 'chai'
import { eventually } from '../../support/indexer.ts'
import { STORES } from '../../support/stores.ts'
import { createFeedBed, type FeedBed } from './feed-bed.ts'
import { startFeedServer } from './feed-server.ts'

/** The system buffers megabytes of each connection; more would be its memory, not ours. */
const CLIENTS = 20
const EVENTS = 9_000

describe('streams that nobody reads', () => {
  let bed: FeedBed

  beforeEach(async () => {
    bed = await createFeedBed(STORES[0]!)
  })
  afterEach(() => bed.end())

  it('keep little each, are cut off, and can be resumed', async function () {
    this.timeout(60_000)
    for (let i = 0; i < EVENTS / 200; i++) await bed.writer.recordBatch(200)
    const indexer = await bed.start()
    const server = await startFeedServer(bed, indexer, {
      streams: { stallMs: 2_000, maxStreamsPerAddress: CLIENTS + 2 },
    })
    const options = { query: '?after=beginning&kind=record' }
    const memoryBefore = memory()
    const slow = await Promise.all(
      Array.from({ length: CLIENTS }, () => bed.connect(server, { ...options, isPaused: true })),
    )
    const reader = await bed.connect(server, options)
    await eventually(
      'one that reads has everything meanwhile',
      () => reader.frames.filter(({ event }) => event.includes('.')).length === EVENTS,
      20_000,
    )
    const used = (memory() - memoryBefore) / 1024 / 1024
    expect(used, 'MB for all of them, their own ends included').to.be.below(100)
    const metrics = async () => (await fetch(`${server.url}/metrics`)).text()
    await eventually(
      'they are cut off',
      async () => / 20$/m.test(lineOf(await metrics(), 'streams_cut_total')),
      20_000,
    )
    await eventually('they are forgotten', async () => / 1$/m.test(lineOf(await metrics(), 'streams{')))
    expect(reader.hasEnded, 'who reads stays').to.equal(false)
    const read = slow[0]!
    let text = ''
    read.response.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    read.response.resume()
    await eventually('what was on its way has come', () => read.hasEnded)
    const lastEventId = /.*id: (\S+)\ndata: .*\n\n/s.exec(text)![1]!
    const count = text.split('\n\n').filter((frame) => /data: .*\}$/.test(frame)).length
    const resumed = await bed.connect(server, { lastEventId, query: '?kind=record' })
    await eventually('the rest has come', () => resumed.frames.some(({ event }) => event === 'checkpoint'))
    expect(resumed.events.map(({ id }) => id)).to.deep.equal(
      reader.events.slice(EVENTS - resumed.events.length).map(({ id }) => id),
    )
    expect(count + resumed.events.length, 'nothing twice, nothing left out').to.equal(EVENTS)
  })

  it('are kept alive by comments while nothing happens', async () => {
    const indexer = await bed.start()
    const times = { heartbeatMs: 50, checkpointMs: 20, retryMs: 1_000 }
    const server = await startFeedServer(bed, indexer, { streams: { times, stallMs: 200 } })
    const client = await bed.connect(server)
    await eventually('comments come', () => client.comments.length >= 8)
    expect(client.hasEnded).to.equal(false)
  })
})

function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss
}

const lineOf = (metrics: string, name: string): string =>
  metrics.split('\n').find((line) => !line.startsWith('#') && line.includes(name)) ?? ''
