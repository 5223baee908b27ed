import { type FilledChain, fillChain } from './chain.ts'
import type { BenchDatabase, BenchEngine } from './engines.ts'
import { type HttpLoadResult, runHttpLoad } from './http-load.ts'
import { type IndexerProcess, startIndexerProcess } from './indexer-process.ts'
import { measureLimit } from './limit.ts'
import { measureLive } from './live.ts'

/** One store, one number of events. Seconds, milliseconds, MiB and bytes as the names say. */
export interface Measured {
  engine: string
  events: number
  limitSeconds: number
  backfillSeconds: number
  peakMemoryMiB: number
  lookupsPerSecond: number
  lookupP50Ms: number
  lookupP99Ms: number
  liveP50Ms: number
  liveP99Ms: number
  /** Median of `RESTARTS`. */
  orderlyRestartSeconds: number
  killedRestartSeconds: number
  bytesARecord: number
}

export interface MeasureOptions {
  /** Backfills of each store, of which the median counts. */
  rounds: number
  lookupSeconds: number
}

const RESTARTS = 5
const LOOKUP_ROUNDS = 5
const CONNECTIONS = 32
const BARE = new URL('bare.ts', import.meta.url).pathname

/** Fills a chain with `events` and measures every store against it, and the bare index that keeps nothing. */
export async function measureEvents(
  events: number,
  engines: readonly BenchEngine[],
  options: MeasureOptions,
  say: (line: string) => void,
): Promise<Measured[]> {
  say(`writing ${events} events`)
  const filled = await fillChain(events, (done) => {
    if (done % 100_000 === 0) say(`${done} events written`)
  })
  try {
    return await measureFilled(filled, events, engines, options, say)
  } finally {
    await filled.chain.kill()
  }
}

/** The same on a chain that has them already. */
export async function measureFilled(
  filled: FilledChain,
  events: number,
  engines: readonly BenchEngine[],
  options: MeasureOptions,
  say: (line: string) => void,
): Promise<Measured[]> {
  const results: Measured[] = []
  for (const engine of engines) {
    // Beside each store, so that both are measured while the machine is the same.
    const limitSeconds = await measureLimit(filled, events)
    say(`${engine.name}: LIMIT ${limitSeconds.toFixed(2)} s`)
    results.push({ events, limitSeconds, ...(await measureEngine(engine, filled, events, options, say)) })
  }
  return results
}

async function measureEngine(
  engine: BenchEngine,
  filled: FilledChain,
  events: number,
  { rounds, lookupSeconds }: MeasureOptions,
  say: (line: string) => void,
): Promise<Omit<Measured, 'events' | 'limitSeconds'>> {
  const main = engine.kind === 'bare' ? BARE : undefined
  const backfills: number[] = []
  let peakMemoryMiB = 0
  let database: BenchDatabase | undefined
  let indexer: IndexerProcess | undefined
  try {
    for (let round = 0; round < rounds; round++) {
      await indexer?.stop()
      await database?.drop()
      database = await engine.create()
      indexer = await startIndexerProcess(filled, database.url, main)
      backfills.push(indexer.caughtUpAfter)
      peakMemoryMiB = Math.max(peakMemoryMiB, indexer.peakMemoryMiB())
    }
    say(`${engine.name}: backfills ${backfills.map((seconds) => seconds.toFixed(2)).join(', ')} s`)
    const lookups = await measureLookups(filled, indexer!.url, lookupSeconds)
    say(
      `${engine.name}: ${lookups.perSecond.toFixed(0)} lookups a second (${lookups.rounds.join(', ')}), p99 ${lookups.p99Ms.toFixed(1)} ms`,
    )
    const live = await measureLive(filled, indexer!.url)
    const restarts = { stop: [] as number[], kill: [] as number[] }
    for (const way of ['stop', 'kill'] as const)
      for (let i = 0; i < RESTARTS; i++) {
        await indexer![way]()
        indexer = await startIndexerProcess(filled, database!.url, main)
        restarts[way].push(indexer.caughtUpAfter)
      }
    await indexer!.stop()
    indexer = undefined
    return {
      engine: engine.name,
      backfillSeconds: median(backfills),
      peakMemoryMiB,
      lookupsPerSecond: lookups.perSecond,
      lookupP50Ms: lookups.p50Ms,
      lookupP99Ms: lookups.p99Ms,
      liveP50Ms: live.p50Ms,
      liveP99Ms: live.p99Ms,
      orderlyRestartSeconds: median(restarts.stop),
      killedRestartSeconds: median(restarts.kill),
      bytesARecord: (await database!.bytes()) / events,
    }
  } finally {
    await indexer?.kill()
    await database?.drop()
  }
}

/** The round with the median rate: a neighbour's second on the machine does not count. */
async function measureLookups(
  { samples }: FilledChain,
  url: string,
  seconds: number,
): Promise<HttpLoadResult & { rounds: string[] }> {
  const paths = samples.map(({ serial, author }) => ({ path: `/v1/results/${serial}/${author}`, serial }))
  const rounds: HttpLoadResult[] = []
  for (let round = 0; round < LOOKUP_ROUNDS; round++)
    rounds.push(
      await runHttpLoad({
        url,
        paths,
        connections: CONNECTIONS,
        seconds: seconds / LOOKUP_ROUNDS,
        // The process was started a moment ago: first what is run most has to be compiled.
        ...(round === 0 && { warmUpSeconds: 4 }),
      }),
    )
  const inOrder = rounds.toSorted((a, b) => a.perSecond - b.perSecond)
  return {
    ...inOrder[Math.floor(LOOKUP_ROUNDS / 2)]!,
    rounds: rounds.map(({ perSecond }) => perSecond.toFixed(0)),
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
