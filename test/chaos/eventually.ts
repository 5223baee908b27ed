import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until it holds. @returns milliseconds it took */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<number> {
  const started = performance.now()
  while (!(await holds())) {
    if (performance.now() - started > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await sleep(5)
  }
  return performance.now() - started
}
