import { setTimeout as sleep } from 'node:timers/promises'
import { type LogFilter, type LogRange, readLogRange } from './block-source.ts'
import type { EndpointLimits } from './endpoint-limits.ts'
import type { RpcClient } from './rpc-client.ts'
import { isRpcError, type RpcError } from './rpc-error.ts'

export type { LogFilter, LogRange } from './block-source.ts'

export interface LogRangesOptions {
  rpc: RpcClient
  filter: LogFilter
  from: number
  to: number
  /** Requests at once. Default 3. */
  inFlight?: number
  /** Blocks of one question, at most. Default: what the endpoint allows. */
  maxBlocks?: number
  signal?: AbortSignal
}

interface Asked {
  from: number
  to: number
  answer: Promise<LogRange>
}

/** Small: nobody knows yet how dense the chain is, and a quiet one is soon read in long strides. */
const FIRST_SPAN = 1
const MAX_GROWTH = 8
/** About 2 MB of JSON: large enough that a request costs little, small enough that reading overlaps with the node's work. */
const TARGET_LOGS = 2_000
const ATTEMPTS = 4
/** A refused range with fewer logs than this was refused for its number of blocks. */
const FEW_LOGS = 100

/**
 * Reads logs in chain order over ranges that adapt to what comes back, several requests at once. A range that is refused
 * as too large is asked for in smaller ones, and so is everything after it.
 */
export async function* readLogRanges(options: LogRangesOptions): AsyncGenerator<LogRange> {
  const { rpc, filter, to, signal, maxBlocks = Number.POSITIVE_INFINITY } = options
  const pending: Asked[] = []
  let inFlight = 1
  let next = options.from
  let span = FIRST_SPAN
  let refused: RefusedRange | undefined

  const ask = () => {
    const from = next
    const end = Math.min(from + Math.min(span, rpc.limits().blocks.value, maxBlocks) - 1, to)
    const answer = withRetries(() => rpc.withEndpoint((e) => readLogRange(e, filter, from, end)), signal)
    // It is awaited in its turn; until then a failure must not count as unhandled.
    answer.catch(() => {})
    pending.push({ from, to: end, answer })
    next = end + 1
  }

  while (next <= to || pending.length > 0) {
    while (next <= to && pending.length < inFlight) ask()
    const asked = pending.shift()!
    let range: LogRange
    try {
      range = await asked.answer
    } catch (error) {
      if (!isRpcError(error, 'range-too-large') || asked.from === asked.to) throw error
      signal?.throwIfAborted()
      span = smaller(asked, error)
      refused = new RefusedRange(asked.to, error)
      // What was asked for meanwhile is as large; the order of the chain is kept by asking anew.
      pending.length = 0
      next = asked.from
      inFlight = 1
      continue
    }
    signal?.throwIfAborted()
    inFlight = options.inFlight ?? 2
    if (refused?.take(range, rpc.limits())) refused = undefined
    span = nextSpan(range, rpc.limits())
    yield range
  }
}

function nextSpan({ from, to, logs }: LogRange, limits: EndpointLimits): number {
  const target = Math.min(TARGET_LOGS, Math.max(Math.floor(limits.logs.value * 0.7), 1))
  const factor = Math.min(Math.max(target / Math.max(logs.length, 1), 0.25), MAX_GROWTH)
  return Math.min(Math.max(Math.floor((to - from + 1) * factor), 1), limits.blocks.value)
}

function smaller({ from, to }: Asked, { advice }: RpcError): number {
  const blocks = to - from + 1
  const { toBlock, maxBlocks } = advice
  if (toBlock !== undefined && toBlock >= from && toBlock < to) return toBlock - from + 1
  if (maxBlocks !== undefined && maxBlocks < blocks) return maxBlocks
  return Math.floor(blocks / 2)
}

/** A range refused without a number: what comes back for its pieces tells what the limit was about. */
class RefusedRange {
  readonly #to: number
  readonly #isExplained: boolean
  #logs = 0
  #widest = 1

  constructor(to: number, { advice }: RpcError) {
    this.#to = to
    this.#isExplained =
      advice.maxBlocks !== undefined || advice.maxLogs !== undefined || advice.isBlockLimit === true
  }

  /** @returns true when the last piece is there */
  take({ from, to, logs }: LogRange, limits: EndpointLimits): boolean {
    this.#logs += logs.length
    this.#widest = Math.max(this.#widest, to - from + 1)
    if (to < this.#to) return false
    if (this.#isExplained) return true
    if (this.#logs < FEW_LOGS) limits.blocks.guess(this.#widest)
    else limits.logs.guess(Math.ceil(this.#logs / 2))
    return true
  }
}

async function withRetries<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (!isRpcError(error) || error.failure === 'range-too-large' || attempt === ATTEMPTS) throw error
      const pause = Math.max(100 * 2 ** attempt, error.advice.retryAfterMs ?? 0)
      await sleep(pause, undefined, signal === undefined ? {} : { signal })
    }
  }
}
