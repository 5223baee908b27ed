import { setTimeout as sleep } from 'node:timers/promises'

/** How far ahead of its rate a budget may be spent. */
const BURST_MS = 250

/** So many requests a second, evenly; whoever asks for more waits in order. Measured by a clock that never jumps. */
export class RequestBudget {
  readonly #msEach: number
  readonly #maxWaitMs: number
  /** When the next request may leave; the past while nothing was asked. */
  #next = Number.NEGATIVE_INFINITY

  /** @param perSecond 0: no limit */
  constructor(perSecond: number, maxWaitMs: number) {
    this.#msEach = perSecond > 0 ? 1000 / perSecond : 0
    this.#maxWaitMs = maxWaitMs
  }

  /** Waits until `count` requests may leave. @returns false, at once and with nothing spent, when that is too far off */
  async take(count: number): Promise<boolean> {
    if (this.#msEach === 0) return true
    const now = performance.now()
    // At least one request is always at hand after a pause, however low the rate.
    const start = Math.max(this.#next, now - Math.max(BURST_MS - this.#msEach, 0))
    const wait = start + (count - 1) * this.#msEach - now
    if (wait > this.#maxWaitMs) return false
    this.#next = start + count * this.#msEach
    if (wait > 0) await sleep(wait)
    return true
  }
}
