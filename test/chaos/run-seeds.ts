import { FAULT_NAMES, type FaultName } from '../support/fault-plan.ts'
import { type ChaosChain, startChaosChain } from './chain.ts'
import type { Engine } from './engines.ts'
import { isSameSeed, keepFailure, type PlannedSeed, readFailingSeeds } from './failing-seeds.ts'
import { runSeed, type SeedResult } from './run-seed.ts'
import type { Script } from './script.ts'

export interface SeedsOptions {
  seeds: number
  seed: string
  engines: readonly Engine[]
  workers: number
  faults?: readonly FaultName[] | undefined
  keep?: boolean | undefined
  /** Only this one, which was printed before. */
  script?: Script | undefined
}

/** Each may take so long, whatever happens. */
const SEED_TIMEOUT_MS = 120_000

/** Runs seeds side by side, each worker on a chain of its own. @returns how many failed */
export async function runSeeds(options: SeedsOptions): Promise<number> {
  const { engines, workers } = options
  const queue = seedsOf(options)
  const total = queue.length
  const started = performance.now()
  const results: SeedResult[] = []
  let failed = 0
  const other = await startChaosChain({ chainId: 77 })
  await fill(other)
  const runOne = async (planned: PlannedSeed): Promise<void> => {
    const { seed, faults } = planned
    const chain = await startChaosChain()
    try {
      const result = await inTime(
        runSeed({ ...options, seed, faults, chain, otherChain: other.anvil.url }),
        SEED_TIMEOUT_MS,
      )
      results.push(result)
      report(result)
      if (result.failures.length === 0) return
      failed++
      // A script from a file is no seed's.
      if (options.script === undefined) keepFailure(planned, result.failures)
    } catch (error) {
      failed++
      console.log(`seed ${seed}  FAILED  ${(error as Error).stack}`)
      keepFailure(planned, [
        { engine: engines[0]!.name, what: 'the run itself failed', detail: String(error) },
      ])
    } finally {
      await chain.stop()
    }
  }
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await runOne(next)
  }
  try {
    await Promise.all(Array.from({ length: Math.min(workers, total) }, work))
  } finally {
    await other.stop()
  }
  summarise(results, { total, failed, seconds: (performance.now() - started) / 1000, engines })
  return failed
}

/** Those that failed before come first. */
function seedsOf({ seeds, seed, faults, script }: SeedsOptions): PlannedSeed[] {
  if (script !== undefined) return [{ seed: script.seed }]
  const first = /^\d+$/.test(seed) ? Number(seed) : undefined
  const failing = readFailingSeeds().map(({ seed, faults }) => ({ seed, ...(faults && { faults }) }))
  const counted = Array.from({ length: seeds }, (_, i) => ({
    seed: first === undefined ? (i === 0 ? seed : `${seed}-${i}`) : String(first + i),
    ...(faults && { faults }),
  }))
  return [...failing, ...counted.filter((one) => !failing.some((known) => isSameSeed(known, one)))]
}

/** Another chain that has much the same on it: an answer of it is well-formed and wrong. */
async function fill(chain: ChaosChain): Promise<void> {
  for (let i = 0; i < 30; i++)
    await chain.mine([
      {
        write: 'record',
        author: 1 + (i % 6),
        entries: [
          {
            key: `0x${Buffer.from(`01${String(i).padStart(24, '0')}`)
              .toString('hex')
              .padEnd(64, '0')}`,
            digest: `0x${'5a'.repeat(32)}`,
          },
        ],
      },
    ])
}

async function inTime<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${timeoutMs} ms`)), timeoutMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function report({ seed, failures, ms, blocks, records, answers, struck }: SeedResult): void {
  const faults = [...struck].map(([name, times]) => `${name} ${times}`).join(', ') || 'no fault struck'
  const verdict = failures.length === 0 ? 'well  ' : 'FAILED'
  console.log(
    `seed ${seed}  ${verdict}  ${(ms / 1000).toFixed(1)} s  ${blocks} blocks  ${records} records  ${answers} answers  ${faults}`,
  )
  for (const { engine, what, detail } of failures)
    console.log(`  ${engine}: ${what}: ${JSON.stringify(detail).slice(0, 1_500)}`)
}

function summarise(
  results: readonly SeedResult[],
  {
    total,
    failed,
    seconds,
    engines,
  }: { total: number; failed: number; seconds: number; engines: readonly Engine[] },
): void {
  const struck = new Set(results.flatMap((result) => [...result.struck.keys()]))
  const answers = results.reduce((sum, result) => sum + result.answers, 0)
  const never = FAULT_NAMES.filter((name) => !struck.has(name))
  console.log(
    `${total} seeds on ${engines.map(({ name }) => name).join(' and ')}: ${failed} failed, ${answers} complete answers held against the chain, ${seconds.toFixed(0)} s` +
      (never.length === 0 ? '' : `; never struck: ${never.join(', ')}`),
  )
}
