const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Pauses after the first, second, … failed attempt, as the Standard Webhooks specification advises; together a little over three days. */
export const RETRY_PAUSES_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** Spread over so much of the pause, so that what failed together does not come back together. */
const JITTER = 0.2

/**
 * When to try again, in unix milliseconds; undefined when it is given up.
 * @param attempts that failed so far, this one included
 */
export function nextAttemptAt(
  attempts: number,
  now: number,
  pausesMs: readonly number[] = RETRY_PAUSES_MS,
  random: () => number = Math.random,
): number | undefined {
  const pause = pausesMs[attempts - 1]
  return pause === undefined ? undefined : Math.round(now + pause * (1 + JITTER * random()))
}
