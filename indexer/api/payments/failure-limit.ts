import { isIPv6 } from 'node:net'
import { CountersignError } from '../../../protocol/errors.ts'

export interface FailureLimitOptions {
  /** Failures of one name within the window. */
  max: number
  windowMs: number
  /** Names that are remembered; the oldest are forgotten first. Default 100,000. */
  maxNames?: number
}

/** One try, which counts as failed until it is said to have succeeded: many at once gain nothing. */
export interface Attempt {
  succeeded(): void
}

interface Window {
  failures: number
  endsAt: number
}

/** Counts failed tries by name: of an address, of what was tried at. */
export class FailureLimit {
  readonly #options: Required<FailureLimitOptions>
  readonly #windows = new Map<string, Window>()

  constructor(options: FailureLimitOptions) {
    this.#options = { maxNames: 100_000, ...options }
  }

  /** @throws RATE_LIMITED with `retryAfter` in seconds when one of the names has failed too often */
  begin(names: readonly string[]): Attempt {
    const now = performance.now()
    const windows = names.map((name) => this.#windowOf(name, now))
    const full = windows.filter(({ failures }) => failures >= this.#options.max)
    if (full.length > 0) {
      const retryAfter = Math.ceil(Math.max(...full.map(({ endsAt }) => endsAt - now)) / 1000)
      throw new CountersignError('RATE_LIMITED', `too many failed tries; wait ${retryAfter} seconds`, {
        details: { retryAfter },
      })
    }
    for (const window of windows) window.failures++
    return {
      succeeded() {
        for (const window of windows) window.failures--
      },
    }
  }

  #windowOf(name: string, now: number): Window {
    let window = this.#windows.get(name)
    if (window === undefined || window.endsAt <= now) {
      window = { failures: 0, endsAt: now + this.#options.windowMs }
      this.#windows.delete(name)
      if (this.#windows.size >= this.#options.maxNames)
        this.#windows.delete(this.#windows.keys().next().value!)
      this.#windows.set(name, window)
    }
    return window
  }
}

/** An address as it is counted: of IPv6 its /64, which one subscriber has all of. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  // As URLs write them, addresses have no zone and no dotted part.
  const text = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
  const [head = '', tail] = text.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last]
  return `${groups.slice(0, 4).join(':')}::/64`
}
