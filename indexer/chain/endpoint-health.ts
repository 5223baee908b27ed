import type { RpcEndpoint } from './rpc-endpoint.ts'
import type { RpcError, RpcFailure } from './rpc-error.ts'
import type { Omission } from './served-by.ts'

/**
 * Why an endpoint is asked last, if at all:
 * - `failing`: its requests fail; tried again after a pause that grows
 * - `rate-limited`: it asked for a pause, and is given it
 * - `behind`: its head is older than what another endpoint had seconds before
 * - `distrusted`: it left logs out, or contradicted itself, another endpoint or the chain's heads
 * - `other-chain`: it answers for another chain, or for one with another genesis block
 */
export type AsideReason = 'failing' | 'rate-limited' | 'behind' | 'distrusted' | 'other-chain'

export interface EndpointHealth {
  name: string
  healthy: boolean
  /** Failed requests since start. */
  failures: number
  /** How often it left logs out, altered them or contradicted itself or another. */
  distrusts: number
  /** Logs that it left out or altered, since start, and where it did so last. */
  omissions?: { logs: number; last: Omission }
  lastFailure?: RpcFailure
  aside?: AsideReason
  /** Newest block it is known to have. */
  head?: number
}

const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 30_000
const FIRST_DISTRUST_MS = 60_000
const MAX_DISTRUST_MS = 3_600_000

/** One endpoint with what was learnt of it. All times are of a clock that does not jump. */
export class EndpointMember {
  readonly endpoint: RpcEndpoint
  /** Its chain was checked since it last was away. */
  identified = false
  isOtherChain = false
  isBehind = false
  head: number | undefined
  #failures = 0
  #consecutive = 0
  #failingUntil = 0
  #pausedUntil = 0
  #distrusts = 0
  #distrustedUntil = 0
  #lastFailure: RpcFailure | undefined
  #omissions: { logs: number; last: Omission } | undefined

  constructor(endpoint: RpcEndpoint) {
    this.endpoint = endpoint
  }

  noteSuccess(): void {
    this.#consecutive = 0
    this.#failingUntil = 0
  }

  noteFailure({ failure, advice }: RpcError): void {
    this.#failures++
    this.#lastFailure = failure
    // A block not found is the everyday answer of a node slightly behind; it stays in use.
    if (failure === 'not-found') return
    // Behind the same address another chain may come up.
    if (failure === 'unreachable') this.identified = false
    this.#consecutive++
    const now = performance.now()
    this.#failingUntil = now + Math.min(FIRST_PAUSE_MS * 2 ** (this.#consecutive - 1), MAX_PAUSE_MS)
    if (advice.retryAfterMs !== undefined) this.#pausedUntil = now + advice.retryAfterMs
  }

  noteOmission(last: Omission): void {
    this.#omissions = { logs: (this.#omissions?.logs ?? 0) + last.logs, last }
  }

  distrust(): void {
    const forMs = Math.min(FIRST_DISTRUST_MS * 2 ** this.#distrusts, MAX_DISTRUST_MS)
    this.#distrusts++
    this.#distrustedUntil = performance.now() + forMs
  }

  /** Milliseconds for which it asked to be left alone; 0: none. */
  get pausedMs(): number {
    return Math.max(this.#pausedUntil - performance.now(), 0)
  }

  get aside(): AsideReason | undefined {
    const now = performance.now()
    if (this.isOtherChain) return 'other-chain'
    if (this.#pausedUntil > now) return 'rate-limited'
    if (this.#failingUntil > now) return 'failing'
    if (this.#distrustedUntil > now) return 'distrusted'
    return this.isBehind ? 'behind' : undefined
  }

  /** Orders members: the lower, the sooner asked. Equal ones stay in the order of preference. */
  rank(): readonly [number, number] {
    const now = performance.now()
    const { aside } = this
    const place = aside === 'failing' || aside === 'rate-limited' ? 2 : aside === 'other-chain' ? 3 : 0
    const trust = Math.max(this.#distrustedUntil - now, 0)
    return [place + (this.isBehind ? 1 : 0), trust]
  }

  health(): EndpointHealth {
    const { aside, head } = this
    return {
      name: this.endpoint.name,
      healthy: aside === undefined,
      failures: this.#failures,
      distrusts: this.#distrusts,
      ...(this.#omissions === undefined ? {} : { omissions: this.#omissions }),
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
      ...(aside === undefined ? {} : { aside }),
      ...(head === undefined ? {} : { head }),
    }
  }
}
