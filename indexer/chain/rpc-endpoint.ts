import { EndpointLimits } from './endpoint-limits.ts'
import { RequestBudget } from './request-budget.ts'
import { adviceOf, failureOf, type RawRpcError } from './rpc-dialects.ts'
import { isRpcError, RpcError } from './rpc-error.ts'
import { createRpcTransport } from './rpc-transport.ts'

export interface RpcCall {
  method: string
  params: readonly unknown[]
}

export interface RpcEndpointOptions {
  url: string
  /** For logs and status, e.g. `lenders#0`; the URL may hold an access key. */
  name: string
  /** Default 30,000. */
  timeoutMs?: number
  /** A larger response body is refused unread. Default 64 MiB. */
  maxResponseBytes?: number
  /** Default 6. */
  connections?: number
  /** Every call of a batch counts. Default 0: as many as there are. */
  requestsPerSecond?: number
  /** Most blocks in a range of logs. Default 100,000. */
  maxRangeBlocks?: number
}

/** One JSON-RPC server over HTTP: bounded time, size and rate, limits learnt from its errors, errors sorted by kind. */
export interface RpcEndpoint {
  readonly name: string
  readonly limits: EndpointLimits
  /** @throws RpcError */
  request<T>(method: string, params: readonly unknown[]): Promise<T>
  /**
   * Sends all calls in one request, or in as few as the server allows; the results in the order of the calls. The first
   * error answer is thrown.
   * @param maxResponseBytes when less than the endpoint's is to be allowed
   * @throws RpcError
   */
  batch<T extends readonly unknown[]>(calls: readonly RpcCall[], maxResponseBytes?: number): Promise<T>
  close(): Promise<void>
}

interface RpcAnswer {
  id?: unknown
  result?: unknown
  error?: RawRpcError
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
const DEFAULT_CONNECTIONS = 6
const DEFAULT_MAX_RANGE_BLOCKS = 100_000
const MAX_BATCH = 1_000
/** Requests at once of a batch that has to be sent in pieces. */
const PIECES_AT_ONCE = 4

export function createRpcEndpoint(options: RpcEndpointOptions): RpcEndpoint {
  const { name } = options
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const perSecond = options.requestsPerSecond ?? 0
  const transport = createRpcTransport({
    url: options.url,
    name,
    timeoutMs,
    maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
    connections: options.connections ?? DEFAULT_CONNECTIONS,
  })
  const limits = new EndpointLimits({
    maxBlocks: options.maxRangeBlocks ?? DEFAULT_MAX_RANGE_BLOCKS,
    // One request must not cost more than a second's worth, or a low rate would never let it go.
    maxBatch: perSecond > 0 ? Math.min(Math.max(Math.floor(perSecond), 1), MAX_BATCH) : MAX_BATCH,
  })
  const budget = new RequestBudget(perSecond, timeoutMs)
  let nextId = 1

  async function post(calls: number, payload: string, maxBytes?: number) {
    if (!(await budget.take(calls)))
      throw new RpcError(
        'rate-limited',
        name,
        `${name}: more is waiting than its rate allows within ${timeoutMs} ms`,
      )
    return transport.post(payload, maxBytes)
  }

  async function send<T>({ method, params }: RpcCall, maxBytes?: number): Promise<T> {
    const payload = JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params })
    const { status, json } = await post(1, payload, maxBytes)
    if (isAnswer(json) && (json.error !== undefined || status < 400)) return resultOf(method, json) as T
    throw httpError(status, json, `${method}: not an object`)
  }

  async function sendBatch(calls: readonly RpcCall[], maxBytes?: number): Promise<unknown[]> {
    const firstId = nextId
    nextId += calls.length
    const { status, json } = await post(
      calls.length,
      JSON.stringify(
        calls.map(({ method, params }, i) => ({ jsonrpc: '2.0', id: firstId + i, method, params })),
      ),
      maxBytes,
    )
    if (!Array.isArray(json)) throw batchError(status, json)
    const byId = new Map<unknown, RpcAnswer>()
    for (const answer of json) if (isAnswer(answer)) byId.set(answer.id, answer)
    return calls.map(({ method }, i) => {
      const answer = byId.get(firstId + i)
      if (answer === undefined)
        throw new RpcError('malformed', name, `${name}: ${method}: no answer in the batch`)
      return resultOf(method, answer)
    })
  }

  /** An error for the batch as a whole is answered by a single object, or by an HTTP status alone. */
  function batchError(status: number, json: unknown): RpcError {
    const error = isAnswer(json) ? (json.error ?? undefined) : undefined
    const failure = error === undefined ? undefined : failureOf(error)
    if (error !== undefined && failure !== 'refused' && failure !== 'not-found')
      return toError('batch', error)
    if (error !== undefined || BATCH_STATUS.includes(status))
      return new RpcError(
        'batch-too-large',
        name,
        `${name}: a batch was refused: ${error === undefined ? `HTTP ${status}` : excerpt(error.message)}`,
      )
    return httpError(status, json, 'a batch was not answered by an array')
  }

  async function batch(calls: readonly RpcCall[], maxBytes?: number): Promise<unknown[]> {
    const most = limits.batch.value
    if (calls.length > most) return inPieces(calls, most, maxBytes, false)
    if (calls.length === 0) return []
    if (calls.length === 1) return [await send(calls[0]!, maxBytes)]
    try {
      return await sendBatch(calls, maxBytes)
    } catch (error) {
      if (!isRpcError(error, 'batch-too-large')) throw error
      limits.learnBatch(calls.length, error.advice)
      return inPieces(calls, limits.batch.value, maxBytes, true)
    }
  }

  /** @param isGuess the size was never tried: the first piece goes alone, before many fail for another reason */
  async function inPieces(
    calls: readonly RpcCall[],
    size: number,
    maxBytes: number | undefined,
    isGuess: boolean,
  ): Promise<unknown[]> {
    const pieces: (readonly RpcCall[])[] = []
    for (let at = 0; at < calls.length; at += size) pieces.push(calls.slice(at, at + size))
    const results: unknown[] = []
    try {
      if (isGuess) results.push(...(await batch(pieces.shift()!, maxBytes)))
      for (let at = 0; at < pieces.length; at += PIECES_AT_ONCE)
        for (const answers of await Promise.all(
          pieces.slice(at, at + PIECES_AT_ONCE).map((piece) => batch(piece, maxBytes)),
        ))
          results.push(...answers)
    } catch (error) {
      // Not even one call is taken: it was never about the batch.
      if (size === 1 && (isRpcError(error, 'refused') || isRpcError(error, 'unreachable')))
        limits.batch.forgetGuess()
      throw error
    }
    return results
  }

  function resultOf(method: string, answer: RpcAnswer): unknown {
    if (answer.error !== undefined && answer.error !== null) throw toError(method, answer.error)
    if (!('result' in answer))
      throw new RpcError('malformed', name, `${name}: ${method}: neither result nor error`)
    return answer.result
  }

  function toError(method: string, error: RawRpcError): RpcError {
    const failure = failureOf(error)
    const message = `${name}: ${method}: ${excerpt(error.message)}`
    return new RpcError(failure, name, message, undefined, adviceOf(error, failure))
  }

  function httpError(status: number, json: unknown, otherwise: string): RpcError {
    if (status >= 400) return new RpcError('unreachable', name, `${name}: HTTP ${status}`)
    return new RpcError(
      'malformed',
      name,
      `${name}: ${json === undefined ? 'the answer is not JSON' : otherwise}`,
    )
  }

  return {
    name,
    limits,
    request: (method, params) => send({ method, params }),
    batch: async <T extends readonly unknown[]>(calls: readonly RpcCall[], maxBytes?: number) =>
      (await batch(calls, maxBytes)) as unknown as T,
    close: transport.close,
  }
}

/** HTTP statuses by which servers refuse an array, or one that long. */
const BATCH_STATUS: readonly number[] = [400, 404, 405, 413, 415, 422, 501]

const isAnswer = (value: unknown): value is RpcAnswer =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const excerpt = (message: unknown): string => String(message).slice(0, 200)
