/**
 * What went wrong with a JSON-RPC request, by what one can do about it.
 * - `unreachable`: no connection, cut off, or an HTTP error of the server
 * - `timeout`: no answer within the time allowed
 * - `rate-limited`: too many requests; wait
 * - `range-too-large`: the answer would have too many blocks, logs or bytes; ask for less
 * - `batch-too-large`: too many calls in one request, or more than one; ask in several
 * - `not-found`: the node does not know the block (yet, any more, or it is behind)
 * - `behind`: the node's head is older than what it, or another one, answered before
 * - `malformed`: the answer is not what JSON-RPC or the method promise
 * - `contradiction`: the answer contradicts itself, or another answer of the same endpoint
 * - `refused`: any other error answer
 */
export type RpcFailure =
  | 'unreachable'
  | 'timeout'
  | 'rate-limited'
  | 'range-too-large'
  | 'batch-too-large'
  | 'not-found'
  | 'behind'
  | 'malformed'
  | 'contradiction'
  | 'refused'

/** What an endpoint said would have been right, as far as it said so. */
export interface RpcAdvice {
  /** Nothing is to be asked of it before so long. */
  retryAfterMs?: number
  /** Most blocks that a range may have, whatever is in them. */
  maxBlocks?: number
  /** Most logs that an answer may have. */
  maxLogs?: number
  /** True when it is the number of blocks that was too large, whatever is in them, and no number was given. */
  isBlockLimit?: boolean
  /** Last block with which this very question would have been answered. */
  toBlock?: number
  /** Most calls in one request. */
  maxBatch?: number
}

export class RpcError extends Error {
  readonly failure: RpcFailure
  /** Which endpoint, by its name for logs: never the URL, which may hold an access key. */
  readonly endpoint: string
  readonly advice: RpcAdvice

  constructor(
    failure: RpcFailure,
    endpoint: string,
    message: string,
    cause?: unknown,
    advice: RpcAdvice = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'RpcError'
    this.failure = failure
    this.endpoint = endpoint
    this.advice = advice
  }
}

export const isRpcError = (error: unknown, failure?: RpcFailure): error is RpcError =>
  error instanceof RpcError && (failure === undefined || error.failure === failure)
