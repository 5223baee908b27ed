import { readFileSync, writeFileSync } from 'node:fs'
import type { FaultName } from '../support/fault-plan.ts'
import type { SeedFailure } from './run-seed.ts'

/** A seed, and the faults that its plan was drawn from; all of them when left out. */
export interface PlannedSeed {
  seed: string
  faults?: readonly FaultName[]
}

/** A seed that failed once: it is run first from then on, for ever. */
export interface FailingSeed extends PlannedSeed {
  engine: string
  /** What failed, the first time. */
  what: string
}

const FILE = new URL('./failing-seeds.json', import.meta.url)

export const readFailingSeeds = (): FailingSeed[] => JSON.parse(readFileSync(FILE, 'utf8')) as FailingSeed[]

export const isSameSeed = (one: PlannedSeed, other: PlannedSeed): boolean =>
  one.seed === other.seed && one.faults?.join() === other.faults?.join()

export function keepFailure(planned: PlannedSeed, failures: readonly SeedFailure[]): void {
  const kept = readFailingSeeds()
  if (kept.some((failing) => isSameSeed(failing, planned))) return
  const { engine, what } = failures[0]!
  writeFileSync(FILE, `${JSON.stringify([...kept, { ...planned, engine, what }], null, 2)}\n`)
}
