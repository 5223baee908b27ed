import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * Keeps the heap near what is alive. A backfill makes a gigabyte of short-lived text and holds some ten megabytes of it
 * at a time; left to itself V8 grows to several times that before it collects, and never gives it back. The flags are
 * looked up at each collection, so they may be set while the program runs.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=80')
}

/** Half of it is in use at a time. Smaller, and a third of the time under load is collecting; larger, and a backfill takes more memory than it may. */
const YOUNG_GENERATION_BYTES = 16 * 1024 * 1024
const MAX_ROUNDS = 100
const OBJECTS_A_ROUND = 20_000

/**
 * Has the first collection of which enough survives bring the young generation to its size at once. Almost all that is made
 * while modules are loaded stays, and would otherwise be copied at each doubling.
 */
export function growYoungGenerationAtOnce(): void {
  setFlagsFromString('--semi-space-growth-factor=8')
}

/** Has the young generation grow to its size by now, and no further. */
export function sizeYoungGeneration(): void {
  let alive: object[] = []
  for (let round = 0; round < MAX_ROUNDS && youngGenerationBytes() < YOUNG_GENERATION_BYTES; round++)
    alive = Array.from({ length: OBJECTS_A_ROUND }, (_, i) => ({ i, before: alive.length }))
  setFlagsFromString('--semi-space-growth-factor=1')
}

const youngGenerationBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0
