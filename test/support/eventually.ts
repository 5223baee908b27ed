import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_AGAIN_MS = 5

/** Asks until it holds; the error names what was waited for. @returns milliseconds it took */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<number> {
  const started = performance.now()
  while (!(await holds())) {
    if (performance.now() - started > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await sleep(LOOK_AGAIN_MS)
  }
  return performance.now() - started
}
