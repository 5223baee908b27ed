import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_AGAIN_MS = 5

/** Asks until it holds; the error names what was waited for, also where the question itself hangs. @returns milliseconds it took */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<number> {
  const started = performance.now()
  const timer = new AbortController()
  const late = sleep(timeoutMs, 'late' as const, { signal: timer.signal })
  late.catch(() => {})
  try {
    for (;;) {
      const answer = await Promise.race([holds(), late])
      if (answer === true) return performance.now() - started
      if (performance.now() - started > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
      await sleep(LOOK_AGAIN_MS)
    }
  } finally {
    timer.abort()
  }
}
