import { expect } from 'chai'
import fc from 'fast-check'
import type { ChainPosition, FeedPosition, FinalFeedEvent } from '../../../indexer/store/feed.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { describeStores } from '../../support/stores.ts'
import { emptyStores } from './empty-stores.ts'
import { CHAIN, describeEvent, RandomChain, steps } from './random-chain.ts'

/** Follows the feed from a position; all that it keeps is where it stands and what it was told. */
class Follower {
  readonly rows: Map<string, string>
  at: FeedPosition | null

  constructor(at: FeedPosition | null, rows: Map<string, string> = new Map()) {
    this.at = at
    this.rows = rows
  }

  /** @returns false when there was nothing more */
  async read(store: Store, limit: number): Promise<boolean> {
    const events = await store.listFeed({ after: this.at, limit })
    expect(events.length).to.be.at.most(limit)
    for (const event of events) {
      const { id, content } = describeEvent(event)
      if (event.change === 'added') {
        expect(this.rows.has(id), `${id} is added once`).to.equal(false)
        this.rows.set(id, content)
      } else if (this.rows.get(id) === content) this.rows.delete(id)
      this.at = event.position
    }
    return events.length > 0
  }
}

describeStores('feed', (engine) => {
  const withStore = emptyStores(engine)

  it('leaves whoever follows it with exactly the canonical rows, from wherever they began', async function () {
    this.timeout(120_000)
    await fc.assert(
      fc.asyncProperty(steps(14), fc.array(fc.nat(6), { minLength: 14, maxLength: 14 }), (script, limits) =>
        withStore(async (store) => {
          const chain = new RandomChain(store)
          await chain.begin()
          const followers = [new Follower(null), new Follower(null)]
          for (const [i, step] of script.entries()) {
            await chain.take(step)
            const limit = limits[i]!
            // One reads as it comes, in pieces, sometimes nothing; another begins in the middle.
            if (limit > 0) await followers[0]!.read(store, limit)
            if (i % 4 === 2) followers.push(new Follower(await store.feedEnd(), chain.canonical()))
          }
          for (const [i, follower] of followers.entries()) {
            while (await follower.read(store, 1 + (limits[i % limits.length]! % 5))) {}
            expect(follower.rows, `follower ${i}`).to.deep.equal(chain.canonical())
          }
        }),
      ),
      { numRuns: engine.name === 'SQLite' ? 60 : 15 },
    )
  })

  it('gives final rows in chain order, each once, however small the pages', async function () {
    this.timeout(60_000)
    await fc.assert(
      fc.asyncProperty(steps(10), fc.integer({ min: 1, max: 7 }), (script, limit) =>
        withStore(async (store) => {
          const chain = new RandomChain(store)
          await chain.begin()
          for (const step of script) await chain.take(step)
          const events: FinalFeedEvent[] = []
          for (let after: ChainPosition | null = null; ; ) {
            const page = await store.listFinalFeed({
              chainId: CHAIN,
              after,
              toBlock: chain.finalNumber,
              limit,
            })
            if (page.length === 0) break
            events.push(...page)
            after = page.at(-1)!.at
          }
          const places = events.map(({ at }) => [at.blockNumber, at.logIndex, at.entryIndex])
          const sorted = [...places].sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!)
          expect(places).to.deep.equal(sorted)
          const found = new Map(events.map(describeEvent).map(({ id, content }) => [id, content]))
          const final = [...chain.canonical()].filter(([id]) => Number(id.split(':')[1]) <= chain.finalNumber)
          expect(found).to.deep.equal(new Map(final))
          expect(events.length).to.equal(final.length)
        }),
      ),
      { numRuns: engine.name === 'SQLite' ? 40 : 10 },
    )
  })

  it('marks what a repair brings or takes as late', () =>
    withStore(async (store) => {
      const chain = new RandomChain(store)
      await chain.begin()
      await chain.take({ kind: 'append', seeds: [0, 1, 2, 0, 3, 3, 3, 3] })
      const after = await store.feedEnd()
      await chain.take({ kind: 'repair', seeds: [1, 1, 0, 0, 0, 0, 0, 3] })
      const events = await store.listFeed({ after, limit: 10 })
      expect(events.map(({ change, isLate }) => [change, isLate])).to.deep.equal([
        ['retracted', true],
        ['added', true],
      ])
    }))

  it('refuses positions that it does not keep, or that are none of its own', () =>
    withStore(async (store) => {
      const chain = new RandomChain(store)
      await chain.begin()
      await chain.take({ kind: 'append', seeds: [0, 1, 1, 0, 3, 3, 3, 3] })
      const { version } = await store.feedEnd()
      await expired(store, { version: version + 1, ordinal: 0 })
      expect(await store.listFeed({ after: { version, ordinal: 0 }, limit: 1 })).to.deep.equal([])
      await store.dropChain(CHAIN)
      await expired(store, null)
      await expired(store, { version, ordinal: 0 })
      expect(await store.listFeed({ after: await store.feedEnd(), limit: 1 })).to.deep.equal([])
    }))

  it('forgets what is final and old, and keeps the newest of it', async () => {
    const { database, drop } = await engine.newDatabase()
    // Everything is old; commits look whether something is to be forgotten when the store was opened just now.
    const open = () => openStore(database, { feedKeepDays: -1 })
    let store = await open()
    const chain = new RandomChain(store)
    await chain.begin()
    // Each becomes final with the commit after it.
    for (let i = 0; i < 4; i++) await chain.take({ kind: 'append', seeds: [0, 0, 1, 1, 3, 3, 3, 3] })
    const end = await store.feedEnd()
    await store.close()
    store = await open()
    try {
      await expectKept(store, null)
      const checkpoint = (await store.listChains())[0]!.checkpoint
      await store.commit({
        chainId: CHAIN,
        blocks: [],
        rows: [],
        heads: [],
        checkpoint: { ...checkpoint, finalNumber: checkpoint.number },
      })
      await expired(store, null)
      await expired(store, { version: end.version - 2, ordinal: 0 })
      expect(
        await store.listFeed({ after: { version: end.version - 1, ordinal: 0 }, limit: 10 }),
      ).to.have.length(1)
      expect(
        await store.listFeed({ after: { version: end.version - 1, ordinal: 1 }, limit: 10 }),
      ).to.have.length(0)
    } finally {
      await store.close()
      await drop()
    }
  })
})

const expectKept = async (store: Store, after: FeedPosition | null): Promise<void> =>
  void (await store.listFeed({ after, limit: 1 }))

async function expired(store: Store, after: FeedPosition | null): Promise<void> {
  const error = await store.listFeed({ after, limit: 1 }).catch((caught: unknown) => caught)
  expect(isCountersignError(error, 'FEED_EXPIRED'), String(error)).to.equal(true)
}
