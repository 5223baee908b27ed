import { readFileSync, writeFileSync } from 'node:fs'
import type { SeedFailure } from './run-seed.ts'

/** A seed that failed once: it is run first from then on, for ever. */
export interface FailingSeed {
  seed: string
  engine: string
  /** What failed, the first time. */
  what: string
}

const FILE = new URL('./failing-seeds.json', import.meta.url)

export const readFailingSeeds = (): FailingSeed[] => JSON.parse(readFileSync(FILE, 'utf8')) as FailingSeed[]

export function keepFailure(seed: string, failures: readonly SeedFailure[]): void {
  const kept = readFailingSeeds()
  if (kept.some((failing) => failing.seed === seed)) return
  const { engine, what } = failures[0]!
  writeFileSync(FILE, `${JSON.stringify([...kept, { seed, engine, what }], null, 2)}\n`)
}
