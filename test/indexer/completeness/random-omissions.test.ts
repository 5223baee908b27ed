import { expect } from 'chai'
import { pino } from 'pino'
import { type ChainSync, createChainSync } from '../../../indexer/chain/chain-sync.ts'
import type { ChainView } from '../../../indexer/chain/chain-view.ts'
import { chainConfigs } from '../../../indexer/chain-configs.ts'
import { createDirectory } from '../../../indexer/directory.ts'
import type { IndexerMetrics } from '../../../indexer/metrics.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { type Random, seededRandom } from '../../support/fault-random.ts'
import { addressBookOf } from '../../support/indexer.ts'
import { fillMixed, type MixedChain, type PlacedLog } from '../../support/mixed-chain.ts'
import { type OmittingRelay, startOmittingRelay } from '../../support/omitting-relay.ts'
import { STORES, type StoreEngine } from '../../support/stores.ts'

const CASES = Number(process.env.COMPLETENESS_CASES ?? 40)
const SEED = process.env.COMPLETENESS_SEED ?? 'omissions'
/** To play a case again by itself: its number here, and one case. */
const FIRST_CASE = Number(process.env.COMPLETENESS_FIRST_CASE ?? 0)
const BLOCKS = 120
const FINALITY_DEPTH = 5
const CHECK_MS = 250
/** A check takes its time, and machines are busy. */
const SLACK_MS = 4_000

const ENGINES = STORES.filter(({ skipReason }) => skipReason === undefined)
/** Played side by side: most of a case is waiting. */
const LANES = 4

/** Only what noticing shows itself by is counted. */
function countingMetrics() {
  const counted = { gaps: 0 }
  const metrics = new Proxy({} as IndexerMetrics, {
    get:
      (_, name) =>
      (_chain: number, ...args: unknown[]) => {
        // With another endpoint at hand, logs that a bloom announces may come in the same moment.
        if (
          name === 'gapFound' ||
          name === 'logsMissed' ||
          (name === 'storageRoot' && args[0] === 'different')
        )
          counted.gaps++
      },
  })
  return { counted, metrics }
}

interface Running {
  sync: ChainSync
  store: Store
  view: ChainView
  gaps(): number
  stop(): Promise<void>
}

describe('random omissions', function () {
  this.timeout(60_000 + CASES * 5_000)
  let chain: AnvilChain
  let contracts: DeployedContracts
  let mixed: MixedChain
  let relays: OmittingRelay[]
  let truth: string[]

  before(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    mixed = await fillMixed(chain, contracts, seededRandom('mixed chain'), BLOCKS)
    const cache = new Map()
    const newRelay = () => startOmittingRelay(chain.url, cache)
    relays = await Promise.all(Array.from({ length: 2 * LANES }, newRelay))
    relays[0]!.head = mixed.head
    const replay = await run([relays[0]!.url])
    await settled(replay)
    truth = await Array.fromAsync(replay.store.dump())
    await replay.stop()
    expect(mixed.logs.length).to.be.above(200)
    expect(truth.length).to.be.above(mixed.logs.length)
  })

  after(async () => {
    await Promise.all((relays ?? []).map((relay) => relay.stop()))
    await chain?.kill()
  })

  async function run(rpcUrls: string[], engine: StoreEngine = STORES[0]!): Promise<Running> {
    const book = addressBookOf([
      { chainId: chain.chainId, rpcUrls, contracts, finalityDepth: FINALITY_DEPTH },
    ])
    const { database, drop } = await engine.newDatabase()
    const store = await openStore(database)
    const { counted, metrics } = countingMetrics()
    const directory = createDirectory(book, store, () => sync.view)
    const sync = createChainSync({
      config: chainConfigs(book)[0]!,
      store,
      log: pino({ level: process.env.COMPLETENESS_LOG ?? 'silent' }),
      metrics,
      pollMs: 10,
      webSocket: false,
      completenessCheckMs: CHECK_MS,
      storageRootMaxRecords: 1_000_000,
      requestTimeoutMs: 5_000,
      expectedAuthors: directory.expectedAuthors,
      onCommit: directory.forget,
    })
    void sync.run()
    return {
      sync,
      store,
      view: sync.view,
      gaps: () => counted.gaps,
      async stop() {
        await sync.stop()
        await store.close()
        await drop()
      },
    }
  }

  const isAt = ({ view }: Running, head: number) =>
    view.state === 'following' && view.checkpoint?.number === head
  const isWhole = ({ view }: Running) =>
    [...view.books!.values()].every(
      ({ storageRoot, wholeAt }) => storageRoot === 'whole' && wholeAt?.block === view.checkpoint!.number,
    )
  /** Indexed to the head, everybody's head that of the chain, and every book whole there. */
  const settled = (running: Running) =>
    eventually(
      'all is indexed and proven whole',
      () =>
        isAt(running, mixed.head) &&
        running.view.completeness === 'complete' &&
        running.view.books!.size > 0 &&
        isWhole(running),
      20_000,
    )

  /** One, three or a hundred logs: anywhere, all next to each other, or of one author alone. */
  function choose(random: Random, above: number): PlacedLog[] {
    const logs = mixed.logs.filter(({ blockNumber }) => blockNumber > above)
    const count = Math.min(random.pick([1, 3, 100]), logs.length)
    const way = random.pick(['anywhere', 'in a row', 'of one'] as const)
    if (way === 'in a row') {
      const from = random.integer(0, logs.length - count)
      return logs.slice(from, from + count)
    }
    const owner = random.pick([...new Set(logs.map((log) => log.owner))])
    const among = way === 'of one' ? logs.filter((log) => log.owner === owner) : logs
    // Those of somebody nobody knows of, all of them, are what a head cannot notice.
    if (way === 'of one' && random.chance(0.5)) return among
    return [...among]
      .map((log) => ({ log, order: random.next() }))
      .sort((a, b) => a.order - b.order)
      .slice(0, count)
      .map(({ log }) => log)
  }

  async function play(random: Random, lossy: OmittingRelay, other: OmittingRelay): Promise<void> {
    const atTip = random.chance(0.5)
    const hasOther = random.chance(0.4)
    const engine = random.chance(0.15) ? ENGINES.at(-1)! : ENGINES[0]!
    const first = atTip ? random.integer(Math.floor(mixed.head * 0.6), mixed.head - 2) : mixed.head
    const dropped = choose(random, atTip ? first : 0)
    const firstDropped = Math.min(...dropped.map(({ blockNumber }) => blockNumber))
    lossy.stateBlocks = random.pick([Number.POSITIVE_INFINITY, 8])
    lossy.dropped = new Set(dropped.map(({ blockNumber, logIndex }) => `${blockNumber}:${logIndex}`))
    lossy.head = first
    other.head = first
    other.stateBlocks = lossy.stateBlocks
    const what = JSON.stringify({
      engine: engine.name,
      atTip,
      hasOther,
      first,
      state: lossy.stateBlocks,
      dropped: dropped.length,
    })
    const running = await run(hasOther ? [lossy.url, other.url] : [lossy.url], engine)
    try {
      if (atTip) {
        await eventually('the first part is indexed', () => isAt(running, first))
        while (lossy.head < mixed.head) {
          lossy.head = Math.min(lossy.head + random.integer(1, 6), mixed.head)
          other.head = lossy.head
          const { head } = lossy
          await eventually('the next blocks are indexed', () => isAt(running, head))
        }
      } else await eventually('all is indexed', () => isAt(running, mixed.head), 20_000)
      const from = performance.now()
      await eventually('the omission is noticed', () => running.gaps() > 0, CHECK_MS + SLACK_MS)
      times.push(performance.now() - from)
      // Of the book that lost something: others have nothing in them, and are whole.
      const lost = running.view.contracts.find(({ stored }) => stored.kind === 'QueryResultRegistry')
      for (const [contractId, { wholeAt }] of running.view.books!)
        if (
          contractId === lost?.stored.contractId &&
          !hasOther &&
          wholeAt !== undefined &&
          dropped.some(({ owner }) => owner !== 'directory')
        )
          expect(wholeAt.block, 'called whole').to.be.below(
            Math.min(...dropped.filter(({ owner }) => owner !== 'directory').map((d) => d.blockNumber)),
          )
      if (!hasOther) {
        expect(running.view.completeness).to.equal('incomplete')
        lossy.dropped = new Set()
      }
      await settled(running)
      expect(await Array.fromAsync(running.store.dump())).to.deep.equal(truth)
    } catch (error) {
      throw new Error(`${what} from block ${firstDropped}: ${(error as Error).message}`, { cause: error })
    } finally {
      await running.stop()
    }
  }

  const times: number[] = []

  it(`are each noticed within one check, and repaired: ${CASES} cases`, async () => {
    const failures: string[] = []
    let next = FIRST_CASE
    const lane = async (_: unknown, number: number) => {
      for (let i = next++; i < FIRST_CASE + CASES; i = next++)
        await play(seededRandom(`${SEED}/${i}`), relays[2 * number]!, relays[2 * number + 1]!).catch(
          (error: Error) => failures.push(`seed ${SEED}, case ${i}: ${error.message}`),
        )
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    times.sort((a, b) => a - b)
    if (CASES > 100)
      console.log(
        `      noticed after ${times[times.length >> 1]!.toFixed()} ms (median), ${times.at(-1)!.toFixed()} ms at most`,
      )
    expect(failures).to.deep.equal([])
  })
})
