import { expect } from 'chai'
import type { EventDocument } from '../../../indexer/feed/event-schemas.ts'
import type { Delivery, FeedCursor } from '../../../indexer/feed/feed-cursor.ts'
import { beginFeed, type PageDeps, readFeedPage } from '../../../indexer/feed/feed-pages.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { NEVER_COMPARED } from '../../support/author-repair.ts'
import { eventually } from '../../support/eventually.ts'
import { describeStores } from '../../support/stores.ts'
import { Consumer, createFeedBed, type FeedBed } from './feed-bed.ts'

describeStores('pages of the feed', (engine) => {
  let bed: FeedBed
  let indexer: RunningIndexer
  let deps: PageDeps

  /** More final rows than a page has. */
  beforeEach(async () => {
    bed = await createFeedBed(engine, 5)
    // What is taken away here would be repaired.
    indexer = await bed.start(NEVER_COMPARED)
    await bed.writer.recordBatch(3)
    await bed.writer.recordBatch(120)
    await bed.chain.request('anvil_mine', ['0x8'])
    await bed.caughtUp(indexer)
    const { store, views } = indexer
    deps = { store, views, directory: bed.directoryOf(indexer) }
    await eventually('all is complete', () => [...views.values()].every((v) => v.completeness === 'complete'))
  })
  afterEach(() => bed.end())

  async function rest(from: FeedCursor): Promise<EventDocument[]> {
    const documents: EventDocument[] = []
    for (let cursor = from, isEnd = false; !isEnd; ) {
      const page = await readFeedPage(cursor, deps)
      documents.push(...page.entries.map(({ document }) => document))
      cursor = page.next
      isEnd = page.isEnd
    }
    return documents
  }
  const ofRecords = (documents: EventDocument[]) => documents.filter(({ type }) => type.startsWith('record.'))

  /** As a repair does that finds a log to be none of the chain's. */
  async function takeAway({ data: { block, logIndex } }: EventDocument): Promise<void> {
    const [contract] = await indexer.store.listContracts(bed.chain.chainId)
    await (indexer.store as Store).repair({
      chainId: bed.chain.chainId,
      contractId: contract!.contractId,
      author: Buffer.from(bed.writer.author.slice(2), 'hex'),
      fromBlock: block.number,
      surplus: [{ blockNumber: block.number, logIndex }],
      blocks: [],
      rows: [],
      heads: [],
    })
  }

  for (const deliver of ['instant', 'final'] as Delivery[])
    it(`retract what was told in chain order and taken away before the commits were read: ${deliver}`, async () => {
      const first = await readFeedPage(await beginFeed(deps, deliver, 'beginning'), deps)
      expect(first.isEnd).to.equal(false)
      const told = ofRecords(first.entries.map(({ document }) => document))
      await takeAway(told[0]!)
      const consumer = new Consumer()
      for (const event of told) consumer.apply(event)
      for (const event of ofRecords(await rest(first.next))) consumer.apply(event)
      expect(consumer.known.size).to.equal(122)
      expect(consumer.known.has(told[0]!.subject)).to.equal(false)
    })

  it('name an event alike, whether it was read in chain order or by commits', async () => {
    const ids = async (cursor: FeedCursor) => ofRecords(await rest(cursor)).map(({ id }) => id)
    const byCommits = await ids({ deliver: 'instant', journal: null, walked: new Map() })
    expect(byCommits).to.have.length(123)
    expect(await ids(await beginFeed(deps, 'instant', 'beginning'))).to.deep.equal(byCommits)
  })
})
