import type { Measured } from './measure.ts'

export interface Verdict {
  target: string
  value: string
  isReached: boolean
}

/** What the project holds itself to; each is judged for every store and number of events that was measured. */
export function judge(measured: readonly Measured[]): Verdict[] {
  return [
    ...measured.filter(({ engine }) => LIMITS[engine] !== undefined).flatMap(judgeOne),
    ...judgeGrowth(measured),
  ]
}

/** Times LIMIT, and lookups a second. */
const LIMITS: Record<string, { backfill: number; lookups: number }> = {
  SQLite: { backfill: 2.5, lookups: 20_000 },
  PostgreSQL: { backfill: 4, lookups: 8_000 },
}
const MAX_LOOKUP_P99_MS = 5
const MAX_LIVE_P50_MS = 5
const MAX_LIVE_P99_MS = 20
const MAX_MEMORY_MIB = 250
/** Up to this many events a restart has half a second, with more a whole one. */
const SMALL = 100_000
const MAX_GROWTH = 1.15

function judgeOne(one: Measured): Verdict[] {
  const { backfill, lookups } = LIMITS[one.engine]!
  const name = `${one.engine}, ${one.events} events`
  const atMost = (what: string, value: number, limit: number, unit: string): Verdict => ({
    target: `${name}: ${what} ≤ ${limit}${unit}`,
    value: value.toFixed(2),
    isReached: value <= limit,
  })
  const restart = one.events <= SMALL ? 0.5 : 1
  return [
    atMost('backfill', one.backfillSeconds / one.limitSeconds, backfill, ' × LIMIT'),
    {
      target: `${name}: lookups ≥ ${lookups} a second`,
      value: one.lookupsPerSecond.toFixed(0),
      isReached: one.lookupsPerSecond >= lookups,
    },
    ...(one.engine === 'SQLite' ? [atMost('lookup p99', one.lookupP99Ms, MAX_LOOKUP_P99_MS, ' ms')] : []),
    atMost('live p50', one.liveP50Ms, MAX_LIVE_P50_MS, ' ms'),
    atMost('live p99', one.liveP99Ms, MAX_LIVE_P99_MS, ' ms'),
    atMost('orderly restart', one.orderlyRestartSeconds, restart, ' s'),
    atMost('restart after kill -9', one.killedRestartSeconds, restart, ' s'),
    atMost('peak memory', one.peakMemoryMiB, MAX_MEMORY_MIB, ' MiB'),
  ]
}

/** The cost of a record with the most events against the cost with the fewest. */
function judgeGrowth(measured: readonly Measured[]): Verdict[] {
  return Object.keys(LIMITS).flatMap((engine) => {
    const own = measured.filter((one) => one.engine === engine).sort((a, b) => a.events - b.events)
    const [least, most] = [own[0], own.at(-1)]
    if (least === undefined || most === undefined || least === most) return []
    const growth = costOf(most) / costOf(least)
    return [
      {
        target: `${engine}: cost a record from ${least.events} to ${most.events} events ≤ × ${MAX_GROWTH}`,
        value: growth.toFixed(2),
        isReached: growth <= MAX_GROWTH,
      },
    ]
  })
}

/** Seconds of a record in a backfill, without what the start of the process takes. */
const costOf = (one: Measured): number => (one.backfillSeconds - one.orderlyRestartSeconds) / one.events
