/**
 * What went wrong with a JSON-RPC request, by what one can do about it.
 * - `unreachable`: no connection, cut off, or an HTTP error of the server
 * - `timeout`: no answer within the time allowed
 * - `rate-limited`: too many requests; wait
 * - `range-too-large`: the answer would have too many blocks, logs or bytes; ask for less
 * - `not-found`: the node does not know the block (yet, any more, or it is behind)
 * - `malformed`: the answer is not what JSON-RPC or the method promise, or contradicts itself
 * - `refused`: any other error answer
 */
export type RpcFailure =
  | 'unreachable'
  | 'timeout'
  | 'rate-limited'
  | 'range-too-large'
  | 'not-found'
  | 'malformed'
  | 'refused'

export class RpcError extends Error {
  readonly failure: RpcFailure
  /** Which endpoint, by its name for logs: never the URL, which may hold an access key. */
  readonly endpoint: string

  constructor(failure: RpcFailure, endpoint: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'RpcError'
    this.failure = failure
    this.endpoint = endpoint
  }
}

export const isRpcError = (error: unknown, failure?: RpcFailure): error is RpcError =>
  error instanceof RpcError && (failure === undefined || error.failure === failure)

/** Nodes and services word one limit in many ways; the codes differ as much. */
const WORDINGS: readonly [RpcFailure, RegExp][] = [
  ['rate-limited', /rate limit|too many requests|request limit|throttl|capacity exceeded|compute units/i],
  [
    'range-too-large',
    /range|too many (?:logs|results|blocks)|more than \d+|max(?:imum)? (?:results|logs|blocks)|response (?:size|is too)|too large|query (?:timeout|returned)|limit(?:ed)? (?:to|exceeded)|10000/i,
  ],
  [
    'not-found',
    /not found|unknown block|missing (?:block|header|trie node)|header for hash|beyond|not available/i,
  ],
]

/** Sorts the error object of a JSON-RPC answer. */
export function failureOf(error: { code?: unknown; message?: unknown }): RpcFailure {
  const message = String(error.message ?? '')
  if (error.code === 429) return 'rate-limited'
  for (const [failure, wording] of WORDINGS) if (wording.test(message)) return failure
  return 'refused'
}
