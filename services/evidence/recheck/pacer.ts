import { setTimeout as sleep } from 'node:timers/promises'

/** A timer that is set for less oversleeps. */
const SHORTEST_WAIT_MS = 5

/** Keeps work to a rate: whoever takes units waits until they were due. What was not used is not saved up. */
export class Pacer {
  readonly #msPerUnit: number
  #dueAt = 0

  /** @param perSecond units; 0 for any number */
  constructor(perSecond: number) {
    this.#msPerUnit = perSecond === 0 ? 0 : 1000 / perSecond
  }

  /** Resolves when the units taken before were due. @throws the signal's reason */
  async take(units: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const now = performance.now()
    this.#dueAt = Math.max(this.#dueAt, now) + units * this.#msPerUnit
    const wait = this.#dueAt - now
    if (wait >= SHORTEST_WAIT_MS) await sleep(wait, undefined, { signal })
  }
}
