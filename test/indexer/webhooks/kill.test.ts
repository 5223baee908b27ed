import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { spawnIndexer } from '../../chaos/indexer-process.ts'
import { eventually } from '../../support/eventually.ts'
import { addressBookOf } from '../../support/indexer.ts'
import { describeStores } from '../../support/stores.ts'
import { ADMIN_TOKEN, createFeedBed, type FeedBed } from '../feed/feed-bed.ts'
import { startReceiver } from './receiver.ts'

const KILLS = 5

describeStores('webhooks of a process that is killed', (engine) => {
  let bed: FeedBed

  beforeEach(async () => {
    bed = await createFeedBed(engine)
  })
  afterEach(() => bed.end())

  it('bring each event at least once, and every retraction', async function () {
    this.timeout(90_000)
    const book = join(tmpdir(), `webhook-kill-${process.pid}-${Date.now()}.json`)
    writeFileSync(book, JSON.stringify(addressBookOf([bed.testChain])))
    const database = await bed.newDatabase()
    const receiver = await startReceiver()
    bed.keep(() => receiver.close(), receiver)
    const launch = async () => {
      const child = spawnIndexer({
        COUNTERSIGN_ADDRESS_BOOK: book,
        INDEXER_DATABASE: database,
        INDEXER_ADMIN_TOKEN: ADMIN_TOKEN,
        INDEXER_POLL_MS: '20',
      })
      bed.keep(() => child.kill(), child)
      return { child, url: await child.listening }
    }
    let { child, url } = await launch()
    const created = await fetch(`${url}/v1/webhooks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: receiver.url, deliver: 'instant', startAt: 'beginning' }),
    })
    receiver.secret = (await created.json()).secret
    for (let i = 0; i < KILLS; i++) {
      const base = await bed.snapshot()
      await bed.writer.recordBatch(30)
      const before = receiver.deliveries.length
      // Killed when the first of them are on their way, the others committed or not.
      await eventually('something is delivered', () => receiver.deliveries.length > before, 20_000)
      await child.kill()
      await bed.branch(base, 3)
      ;({ child, url } = await launch())
    }
    const stream = await bed.connect({ url }, { query: '?after=beginning' })
    /** What a receiver knows that drops doubles by their id. */
    const known = () => {
      const [ids, subjects] = [new Set<string>(), new Set<string>()]
      for (const { event } of receiver.taken) {
        if (ids.has(event.id)) continue
        ids.add(event.id)
        if (event.type === 'record.retracted') subjects.delete(event.subject)
        else subjects.add(event.subject)
      }
      return [...subjects].sort()
    }
    const standing = () => {
      const subjects = new Set<string>()
      for (const { type, subject } of stream.events)
        if (type === 'record.retracted') subjects.delete(subject)
        else subjects.add(subject)
      return subjects
    }
    // Of each round three blocks with one, two and one record are left.
    await eventually('the index has all', () => standing().size === KILLS * 4, 20_000)
    await eventually(
      'the receiver knows what the index says',
      () => JSON.stringify(known()) === JSON.stringify([...standing()].sort()),
      30_000,
    )
    const added = new Set(
      receiver.taken.filter(({ event }) => event.type === 'record.added').map(({ event }) => event.id),
    )
    const retracted = receiver.taken.flatMap(({ event }) => event.retracts ?? [])
    expect(new Set(retracted).size, 'the kills met deliveries').to.be.greaterThan(0)
    expect([...added].filter((id) => !retracted.includes(id))).to.have.length(KILLS * 4)
  })
})
