import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { spawnIndexer } from '../../chaos/indexer-process.ts'
import { eventually } from '../../support/eventually.ts'
import { addressBookOf } from '../../support/indexer.ts'
import { STORES } from '../../support/stores.ts'
import { createFeedBed, type FeedBed } from './feed-bed.ts'
import { startFeedServer } from './feed-server.ts'

/** The system buffers megabytes of each connection; more would be its memory, not ours. */
const CLIENTS = Number(process.env.SLOW_CLIENTS ?? 20)
const EVENTS = 9_000

describe('streams that nobody reads', () => {
  let bed: FeedBed

  beforeEach(async () => {
    bed = await createFeedBed(STORES[0]!)
  })
  afterEach(() => bed.end())

  it('keep little each, are cut off, and can be resumed', async function () {
    this.timeout(120_000)
    for (let i = 0; i < EVENTS / 200; i++) await bed.writer.recordBatch(200)
    const indexer = await bed.start()
    const server = await startFeedServer(bed, indexer, {
      streams: { stallMs: 2_000, maxStreamsPerAddress: CLIENTS + 2 },
    })
    const options = { query: '?after=beginning&kind=record' }
    const slow = await Promise.all(
      Array.from({ length: CLIENTS }, () => bed.connect(server, { ...options, isPaused: true })),
    )
    const reader = await bed.connect(server, options)
    await eventually(
      'one that reads has everything meanwhile',
      () => reader.frames.filter(({ event }) => event.includes('.')).length === EVENTS,
      40_000,
    )
    const metrics = async () => {
      const response = await fetch(`${server.url}/metrics`, { signal: AbortSignal.timeout(5_000) })
      return response.text()
    }
    await eventually(
      'they are cut off',
      async () => new RegExp(` ${CLIENTS}$`, 'm').test(lineOf(await metrics(), 'streams_cut_total')),
      40_000,
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
    // The last frame may have been cut off in the middle.
    const frames = text
      .split('\n\n')
      .slice(0, -1)
      .filter((frame) => frame.startsWith('event: '))
    const lastEventId = frames.at(-1)!.split('\n')[1]!.slice('id: '.length)
    const count = frames.length
    const resumed = await bed.connect(server, { lastEventId, query: '?kind=record' })
    await eventually('the rest has come', () => resumed.frames.some(({ event }) => event === 'checkpoint'))
    expect(resumed.events.map(({ id }) => id)).to.deep.equal(
      reader.events.slice(EVENTS - resumed.events.length).map(({ id }) => id),
    )
    expect(count + resumed.events.length, 'nothing twice, nothing left out').to.equal(EVENTS)
  })

  it('cost the indexer little memory', async function () {
    this.timeout(120_000)
    for (let i = 0; i < EVENTS / 200; i++) await bed.writer.recordBatch(200)
    const book = join(tmpdir(), `slow-readers-${process.pid}-${Date.now()}.json`)
    writeFileSync(book, JSON.stringify(addressBookOf([bed.testChain])))
    const child = spawnIndexer({
      COUNTERSIGN_ADDRESS_BOOK: book,
      INDEXER_DATABASE: await bed.newDatabase(),
      INDEXER_MAX_STREAMS: String(4 * (CLIENTS + 2)),
    })
    bed.keep(() => child.kill(), child)
    const url = await child.listening
    const residentMb = async () =>
      Number(
        lineOf(await (await fetch(`${url}/metrics`)).text(), 'process_resident_memory_bytes')
          .split(' ')
          .at(-1),
      ) /
      1024 ** 2
    const readAll = async () => {
      const reader = await bed.connect({ url }, { query: '?after=beginning&kind=record' })
      await eventually('all is read', () => reader.frames.length >= EVENTS, 40_000)
      reader.close()
    }
    // Once before, so that what any reading costs is not counted as theirs.
    await readAll()
    const before = await residentMb()
    for (let i = 0; i < CLIENTS; i++)
      await bed.connect({ url }, { query: '?after=beginning&kind=record', isPaused: true })
    await readAll()
    const used = (await residentMb()) - before
    if (process.env.SLOW_CLIENTS !== undefined)
      console.log(`${CLIENTS} slow clients: ${used.toFixed(1)} MB over ${before.toFixed(1)}`)
    // All that was ever said would be twelve megabytes for each. Some is what the collector has not come to yet.
    expect(used, `MB for ${CLIENTS} of them`).to.be.below(Math.max(8 * CLIENTS, 100))
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

const lineOf = (metrics: string, name: string): string =>
  metrics.split('\n').find((line) => !line.startsWith('#') && line.includes(name)) ?? ''
