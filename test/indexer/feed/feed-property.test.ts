import { expect } from 'chai'
import fc from 'fast-check'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { eventually } from '../../support/eventually.ts'
import { describeStores, type StoreEngine } from '../../support/stores.ts'
import { Consumer, createFeedBed, type FeedBed, listedRecords } from './feed-bed.ts'
import type { SseClient } from './sse-client.ts'

type Step =
  | { kind: 'record' | 'publish' | 'mine' | 'disconnect' | 'connect' | 'restart'; count: number }
  | { kind: 'reorganise'; depth: number; count: number }

/** More blocks than four steps back can be. */
const FINALITY_DEPTH = 64

const count = fc.integer({ min: 1, max: 5 })
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('record' as const), count }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('publish' as const), count }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('mine' as const), count }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('reorganise' as const), depth: fc.nat({ max: 3 }), count }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('disconnect' as const), count }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('connect' as const), count }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), count }) },
  ),
  { minLength: 8, maxLength: 24 },
) as fc.Arbitrary<Step[]>

/** Somebody who follows the stream of one author, loses the connection, and comes back. */
class Follower {
  readonly #bed: FeedBed
  readonly #query: string
  readonly consumer = new Consumer()
  #client: SseClient | undefined
  #applied = 0
  #wasCut = false
  #lastId: string | undefined

  constructor(bed: FeedBed, query: string) {
    this.#bed = bed
    this.#query = query
  }

  async connect(indexer: RunningIndexer): Promise<void> {
    if (this.#client !== undefined) return
    this.#applied = 0
    const isFirst = this.#lastId === undefined
    this.#client = await this.#bed.connect(indexer, {
      query: this.#query + (isFirst ? '&after=beginning' : ''),
      ...(this.#lastId !== undefined && { lastEventId: this.#lastId }),
    })
    expect(this.#client.status, this.#client.body).to.equal(200)
  }

  /** Keeps what has come so far, as if the process had died then. */
  disconnect(): void {
    this.#take()
    this.#wasCut ||= this.#client !== undefined
    this.#client?.close()
    this.#client = undefined
  }

  #take(): void {
    if (this.#client === undefined) return
    for (const event of this.#client.events.slice(this.#applied))
      if (this.#wasCut) this.consumer.applyAfterCut(event)
      else this.consumer.apply(event)
    this.#applied = this.#client.events.length
    this.#lastId = this.#client.lastId ?? this.#lastId
  }

  async standsWith(indexer: RunningIndexer, chainId: number): Promise<void> {
    const { hash } = indexer.views.get(chainId)!.checkpoint!
    await eventually('the follower has been told of the block', () =>
      this.#client!.frames.some(
        ({ event, data }) =>
          event === 'checkpoint' &&
          (data as { block: { hash: string }; completeness: string }).block.hash ===
            `0x${Buffer.from(hash).toString('hex')}` &&
          (data as { completeness: string }).completeness === 'complete',
      ),
    )
    this.#take()
  }
}

async function play(engine: StoreEngine, script: readonly Step[]): Promise<void> {
  const bed = await createFeedBed(engine, FINALITY_DEPTH)
  try {
    const database = await bed.newDatabase()
    let indexer = await bed.start({ database })
    const followers = [
      new Follower(bed, '?kind=record'),
      new Follower(bed, `?kind=record&author=${bed.writer.author}`),
      new Follower(bed, '?kind=record&deliver=final'),
    ]
    for (const follower of followers) await follower.connect(indexer)
    // Where the chain can be taken back to, oldest first.
    const snapshots: unknown[] = [await bed.snapshot()]
    const mark = async () => {
      snapshots.push(await bed.snapshot())
      if (snapshots.length > 4) snapshots.shift()
    }
    for (const step of script) {
      if (step.kind === 'record') await bed.writer.recordBatch(step.count)
      else if (step.kind === 'publish') await bed.other.publish(await bed.other.recordBatch(step.count))
      else if (step.kind === 'mine') await bed.chain.request('anvil_mine', [`0x${step.count.toString(16)}`])
      else if (step.kind === 'reorganise') {
        if (step.count % 2 === 0) await bed.caughtUp(indexer)
        const at = Math.max(snapshots.length - 1 - step.depth, 0)
        // A branch that is longer than what it replaces, as one is that wins.
        await bed.branch(snapshots[at], 8 + step.count)
        snapshots.splice(at)
      } else if (step.kind === 'connect') for (const follower of followers) await follower.connect(indexer)
      else if (step.kind === 'disconnect') followers[step.count % followers.length]!.disconnect()
      else {
        for (const follower of followers) follower.disconnect()
        await indexer.stop()
        indexer = await bed.start({ database })
      }
      if (
        step.kind === 'record' ||
        step.kind === 'publish' ||
        step.kind === 'mine' ||
        step.kind === 'reorganise'
      )
        await mark()
    }
    for (const follower of followers) await follower.connect(indexer)
    // What was written last becomes final too.
    await bed.chain.request('anvil_mine', [`0x${(FINALITY_DEPTH + 1).toString(16)}`])
    await bed.caughtUp(indexer)
    for (const follower of followers) await follower.standsWith(indexer, bed.chain.chainId)
    const own = await listedRecords(indexer, bed.writer.author)
    const all = new Map([...own, ...(await listedRecords(indexer, bed.other.author))])
    const expected = [all, own, all]
    followers.forEach(({ consumer }, i) => {
      expect([...consumer.records()].sort(), `follower ${i}`).to.deep.equal([...expected[i]!].sort())
    })
  } finally {
    await bed.end()
  }
}

describeStores('feed', (engine) => {
  it('leaves who applies it with what the lists say, whatever chain, connection and indexer do', async function () {
    const numRuns = Number(process.env.FEED_RUNS ?? 5)
    this.timeout(numRuns * 60_000)
    await fc.assert(
      fc.asyncProperty(steps, (script) => play(engine, script)),
      { numRuns, endOnFailure: true },
    )
  })
})
