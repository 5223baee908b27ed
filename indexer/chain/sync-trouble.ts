import type { CountersignError } from '../../protocol/errors.ts'
import { isRpcError, type RpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

const MAX_BACKOFF_MS = 5_000
/** A block not found at the tip: the chain took it back while it was read. So often it is asked again before it shows. */
const QUIET_RETRIES = 5
const QUIET_PAUSE_MS = 20
/** A head behind ours for so long shows as trouble; a node may be behind for a moment every day. */
const QUIET_BEHIND_MS = 1_500

/** How a sync's failures show, and how long to wait after each. Times are of a clock that does not jump. */
export class SyncTrouble {
  readonly #context: Omit<SyncContext, 'store'>
  readonly #intervalMs: number
  #failures = 0
  #vanished = 0
  #behindSince: number | undefined

  constructor(context: Omit<SyncContext, 'store'>, intervalMs: number) {
    this.#context = context
    this.#intervalMs = intervalMs
  }

  /** A look at the chain succeeded. */
  clear(): void {
    const { view, log } = this.#context
    view.lastError = undefined
    if (view.alarm !== undefined) this.lift()
    if (this.#failures > 0) log.info('chain answers again')
    this.#failures = 0
    this.#vanished = 0
    this.#behindSince = undefined
  }

  /** @returns milliseconds to wait, or undefined: until the next look is due */
  note(error: unknown): number | undefined {
    if (isRpcError(error, 'behind')) return this.#noteBehind(error)
    if (isRpcError(error, 'not-found') && this.#vanished < QUIET_RETRIES) {
      this.#vanished++
      return QUIET_PAUSE_MS * this.#vanished
    }
    this.#failures++
    const { log } = this.#context
    if (!isRpcError(error)) {
      this.#show(`the database, or the indexer itself, failed: ${reasonOf(error)}`)
      log.error({ err: error }, 'indexing failed')
    } else {
      this.#show(error.message)
      if (this.#failures === 1)
        log.warn({ failure: error.failure, reason: error.message }, 'chain cannot be read')
    }
    const pause = Math.min(this.#intervalMs * 2 ** Math.min(this.#failures, 10), MAX_BACKOFF_MS)
    return isRpcError(error) ? Math.max(pause, error.advice.retryAfterMs ?? 0) : pause
  }

  /** True while the chain's head has been behind ours for longer than a node may just be slow. */
  get isLongBehind(): boolean {
    return this.#behindSince !== undefined && performance.now() - this.#behindSince > QUIET_BEHIND_MS
  }

  /** Stops for a person to see. */
  raise({ code, message, action }: CountersignError): void {
    const { view, metrics, log, config } = this.#context
    const isNew = view.alarm?.code !== code
    view.state = 'stopped'
    view.alarm = { code, message, action }
    if (!isNew) return
    metrics.stopped(config.chainId)
    log.error({ code, action }, message)
  }

  /** What was the matter has passed. */
  lift(): void {
    const { view, metrics, log, config } = this.#context
    view.alarm = undefined
    metrics.stopped(config.chainId, false)
    log.info('chain goes on')
  }

  #noteBehind(error: RpcError): undefined {
    this.#behindSince ??= performance.now()
    if (!this.isLongBehind) return
    if (this.#failures++ === 0) this.#context.log.warn({ reason: error.message }, 'chain is behind the index')
    this.#show(error.message)
  }

  #show(lastError: string): void {
    this.#context.view.state = 'unreachable'
    this.#context.view.lastError = lastError
  }
}

/** Plain words for a database's error, without what may be a secret: its code, or the kind of error. */
function reasonOf(error: unknown): string {
  const { code, errcode, errstr, name } = (error ?? {}) as Record<string, unknown>
  if (typeof errstr === 'string') return errstr
  return String(code ?? errcode ?? name ?? 'unknown')
}
