import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LIMIT_DIALECTS } from '../support/fault-dialects.ts'
import type { FaultPlan } from '../support/fault-plan.ts'
import type { SeenCall } from '../support/fault-proxy.ts'
import { type Random, seededRandom } from '../support/fault-random.ts'
import { type ChaosChain, startChaosChain } from './chain.ts'
import { checkpointAndDumpOf, differenceOf, type Engine } from './engines.ts'
import { replay } from './replay.ts'
import { randomEntry } from './serials.ts'
import { createSubject, type Subject } from './subject.ts'

/** What one death left behind. */
interface Remains {
  checkpoint: number | undefined
  /** Of the rows; the chain's own up to the checkpoint must have the same. */
  fingerprint: string
}

const HISTORY_BLOCKS = 300
const RECORDS_A_BLOCK = 12
/** So few blocks a request, and so slow, that a backfill can be hit anywhere. */
const SLOW_READING: FaultPlan = {
  seed: 'kills',
  faults: [
    {
      fault: 'range-too-large',
      dialect: LIMIT_DIALECTS.findIndex(({ service }) => service === 'PublicNode'),
      limit: 4,
      probability: 1,
      fromStep: 0,
      toStep: 0,
    },
  ],
}
const SLOWED_MS = 8
const CATCH_UP_MS = 30_000

/** Both kinds of deaths on each engine, side by side. @returns how many of them showed something wrong */
export async function runKills(engines: readonly Engine[], kills: number, seed: string): Promise<number> {
  const runs = engines.flatMap((engine) => [
    { title: `killed in a backfill, ${engine.name}`, run: killBackfills(engine, kills, seed) },
    { title: `killed while following, ${engine.name}`, run: killFollowing(engine, kills, seed) },
  ])
  const outcomes = await Promise.allSettled(runs.map(({ run }) => run))
  for (const [i, outcome] of outcomes.entries())
    console.log(
      outcome.status === 'fulfilled'
        ? `well     ${runs[i]!.title}: ${outcome.value}`
        : `FAILED   ${runs[i]!.title}: ${String(outcome.reason)}`,
    )
  return outcomes.filter(({ status }) => status === 'rejected').length
}

/**
 * Kills an indexer at random moments of a backfill, `kills` times. After each death the store holds exactly the chain's
 * rows up to its checkpoint, and the next life reads on from there.
 * @returns what it did, in a few words
 */
async function killBackfills(engine: Engine, kills: number, seed: string): Promise<string> {
  const random = seededRandom(`${seed}/backfill/${engine.name}`)
  const chain = await startChaosChain()
  let subject: Subject | undefined
  let backfills = 0
  try {
    for (let i = 0; i < HISTORY_BLOCKS; i++) await chain.mine([randomBatch(random)])
    const expected = await replay(chain)
    let checkpoint: number | undefined
    for (let done = 0; done < kills; ) {
      subject ??= await createSubject({ chain, engine, plan: SLOW_READING })
      const [proxy] = subject.endpoints
      proxy!.delayMs = SLOWED_MS
      proxy!.calls.length = 0
      const child = subject.start()
      await randomMoment(random, () => proxy!.calls.length)
      await child.kill()
      done++
      expectToContinue(proxy!.calls, checkpoint, chain)
      const left = await remainsOf(subject)
      checkpoint = left.checkpoint
      expectToBe(left, expected)
      if (checkpoint !== chain.truth.head.number && done < kills) continue
      await finish(subject, chain, expected)
      backfills++
      await subject.close()
      subject = undefined
      checkpoint = undefined
    }
  } finally {
    await subject?.close()
    await chain.stop()
  }
  return `${kills} kills in ${backfills} backfills of ${HISTORY_BLOCKS * RECORDS_A_BLOCK} records: no row lost, doubled or wrong; each went on at its checkpoint`
}

/** The same while blocks come: the indexer follows, is killed, and catches up with what came meanwhile. */
async function killFollowing(engine: Engine, kills: number, seed: string): Promise<string> {
  const random = seededRandom(`${seed}/following/${engine.name}`)
  const chain = await startChaosChain()
  const subject = await createSubject({ chain, engine })
  const deaths: Remains[] = []
  const abort = new AbortController()
  const writing = keepWriting(chain, random.fork('writes'), abort.signal)
  try {
    for (let done = 0; done < kills; done++) {
      const [proxy] = subject.endpoints
      proxy!.calls.length = 0
      const child = subject.start()
      await child.listening
      await sleep(random.integer(0, 250))
      await child.kill()
      expectToContinue(proxy!.calls, deaths.at(-1)?.checkpoint, chain)
      deaths.push(await remainsOf(subject))
    }
    abort.abort()
    await writing
    const expected = await replay(chain)
    for (const death of deaths) expectToBe(death, expected)
    await finish(subject, chain, expected)
  } finally {
    abort.abort()
    await writing
    await subject.close()
    await chain.stop()
  }
  return `${kills} kills while following to block ${chain.truth.head.number}: no row lost, doubled or wrong; each went on at its checkpoint`
}

const randomBatch = (random: Random) => ({
  write: 'record' as const,
  author: random.integer(1, 6),
  entries: Array.from({ length: RECORDS_A_BLOCK }, () => randomEntry(random)),
})

async function keepWriting(chain: ChaosChain, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await chain.mine([randomBatch(random)])
    await sleep(25)
  }
}

/** One time in six somewhere in the start; otherwise after so many requests, and a little. */
async function randomMoment(random: Random, requests: () => number): Promise<void> {
  if (random.chance(1 / 6)) return sleep(random.integer(0, 500))
  const after = random.integer(1, 60)
  const deadline = Date.now() + 5_000
  while (requests() < after && Date.now() < deadline) await sleep(1)
  await sleep(random.integer(0, 8))
}

async function remainsOf(subject: Subject): Promise<Remains> {
  const { checkpoint, lines } = await checkpointAndDumpOf(subject.database)
  return { checkpoint, fingerprint: fingerprintOf(lines) }
}

const ROW = /^(?:records|roots|participant_events) \d+ (\d+) /

/** Of the rows that events made: heads and the rest may stand at another block. */
function fingerprintOf(lines: readonly string[], upTo = Number.POSITIVE_INFINITY): string {
  const hash = createHash('sha256')
  let rows = 0
  for (const line of lines) {
    const block = ROW.exec(line)?.[1]
    if (block === undefined || Number(block) > upTo) continue
    hash.update(line)
    rows++
  }
  return `${rows} rows ${hash.digest('hex')}`
}

function expectToBe({ checkpoint, fingerprint }: Remains, expected: readonly string[]): void {
  const right = fingerprintOf(expected, checkpoint ?? -1)
  if (right !== fingerprint)
    throw new Error(`at checkpoint ${checkpoint} the store has ${fingerprint}, the chain ${right}`)
}

/** Logs are asked for from the block after the checkpoint on: it neither starts over nor leaves anything out. */
function expectToContinue(
  calls: readonly SeenCall[],
  checkpoint: number | undefined,
  chain: ChaosChain,
): void {
  if (checkpoint === undefined) return
  const asked = calls
    .filter(({ method }) => method === 'eth_getLogs')
    .map(({ params: [filter] }) => filter as { blockHash?: string; fromBlock?: string })
    .map(({ blockHash, fromBlock }) =>
      blockHash === undefined ? Number(fromBlock) : chain.truth.find(blockHash)?.number,
    )
    .filter((block) => block !== undefined)
  // Every block has a record, so the first one is asked for; hashes of those before the records are not known here.
  const first = Math.min(...asked)
  const firstKnown = Math.max(checkpoint + 1, chain.truth.firstNumber)
  if (asked.length > 0 && first !== checkpoint + 1 && first !== firstKnown)
    throw new Error(`after a death at checkpoint ${checkpoint} it read on from block ${first}`)
}

async function finish(subject: Subject, chain: ChaosChain, expected: readonly string[]): Promise<void> {
  const [proxy] = subject.endpoints
  proxy!.heal()
  proxy!.delayMs = 0
  await subject.start().listening
  await subject.caughtUp(() => chain.truth.head.hash, CATCH_UP_MS)
  await subject.process()!.stop()
  const difference = differenceOf(await subject.dump(), expected)
  if (difference.length > 0) throw new Error(`the store differs from a replay: ${difference.join('; ')}`)
}
