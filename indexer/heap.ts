import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the heap near what is alive. A backfill makes a gigabyte of short-lived text and holds some ten megabytes of it
 * at a time; left to itself V8 grows to several times that before it collects, and never gives it back. The flags are
 * looked up at each collection, so they may be set while the program runs.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=80')
}

/** What loading the program made of the young generation is enough for it: from here on it does not grow. */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
