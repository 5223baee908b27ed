import { isIPv6 } from 'node:net'
import { CountersignError } from '../../../protocol/errors.ts'

export interface FailureLimitOptions {
  /** Failures of one name within the window. */
  max: number
  windowMs: number
  /** Tries of one name that are under way at once. */
  maxAtOnce: number
  /** Names whose failures are remembered; the oldest are forgotten first. Default 100,000. */
  maxNames?: number
}

/** One try, under way until it has ended. */
export interface Attempt {
  /** @throws RATE_LIMITED in its stead, when others failed meanwhile as often as they may: many at once gain nothing */
  failed(): void
  /** Whatever came of it. */
  ended(): void
}

interface Window {
  failures: number
  endsAt: number
}

/** Counts failed tries by name, and those under way. */
export class FailureLimit {
  readonly #options: Required<FailureLimitOptions>
  readonly #windows = new Map<string, Window>()
  readonly #underWay = new Map<string, number>()

  constructor(options: FailureLimitOptions) {
    this.#options = { maxNames: 100_000, ...options }
  }

  /** @throws RATE_LIMITED with `retryAfter` in seconds when the name has failed too often, or has too many under way */
  begin(name: string): Attempt {
    this.#check(name)
    const underWay = this.#underWay.get(name) ?? 0
    if (underWay >= this.#options.maxAtOnce) throw limited('too many tries at once', 1)
    this.#underWay.set(name, underWay + 1)
    let hasEnded = false
    return {
      failed: () => {
        this.#check(name)
        this.#note(name)
      },
      ended: () => {
        if (hasEnded) return
        hasEnded = true
        const left = this.#underWay.get(name)! - 1
        if (left > 0) this.#underWay.set(name, left)
        else this.#underWay.delete(name)
      },
    }
  }

  #check(name: string): void {
    const window = this.#windowOf(name)
    if (window === undefined || window.failures < this.#options.max) return
    throw limited('too many failed tries', Math.ceil((window.endsAt - performance.now()) / 1000))
  }

  #note(name: string): void {
    const { windowMs, maxNames } = this.#options
    const window = this.#windowOf(name)
    if (window !== undefined) {
      window.failures++
      return
    }
    this.#windows.delete(name)
    if (this.#windows.size >= maxNames) this.#windows.delete(this.#windows.keys().next().value!)
    this.#windows.set(name, { failures: 1, endsAt: performance.now() + windowMs })
  }

  /** Undefined when none has begun, or it is over. */
  #windowOf(name: string): Window | undefined {
    const window = this.#windows.get(name)
    return window === undefined || window.endsAt <= performance.now() ? undefined : window
  }
}

const limited = (what: string, retryAfter: number): CountersignError =>
  new CountersignError('RATE_LIMITED', `${what}; wait ${retryAfter} seconds`, { details: { retryAfter } })

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
