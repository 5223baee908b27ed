import { Pool } from 'undici'
import { failureOf, RpcError } from './rpc-error.ts'

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
}

/** One JSON-RPC server over HTTP: kept-alive connections, bounded time and size, errors sorted by kind. */
export interface RpcEndpoint {
  readonly name: string
  /** @throws RpcError */
  request<T>(method: string, params: readonly unknown[]): Promise<T>
  /** Sends all calls in one request; the results in the order of the calls. The first error answer is thrown. @throws RpcError */
  batch<T extends readonly unknown[]>(calls: readonly RpcCall[]): Promise<T>
  close(): Promise<void>
}

interface RpcAnswer {
  id?: unknown
  result?: unknown
  error?: { code?: unknown; message?: unknown }
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
const DEFAULT_CONNECTIONS = 6

export function createRpcEndpoint(options: RpcEndpointOptions): RpcEndpoint {
  const { name } = options
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const maxBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES
  const url = new URL(options.url)
  const path = url.pathname + url.search
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (url.username !== '')
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`
  const pool = new Pool(url.origin, {
    connections: options.connections ?? DEFAULT_CONNECTIONS,
    keepAliveTimeout: 60_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: Math.min(timeoutMs, 10_000) },
  })
  let nextId = 1

  async function post(payload: string): Promise<unknown> {
    const { status, body } = await send(payload)
    if (status === 429) throw new RpcError('rate-limited', name, `${name}: too many requests (HTTP 429)`)
    let answer: unknown
    try {
      answer = JSON.parse(body)
    } catch (cause) {
      if (status >= 400) throw new RpcError('unreachable', name, `${name}: HTTP ${status}`)
      throw new RpcError('malformed', name, `${name}: the answer is not JSON`, cause)
    }
    if (status >= 400 && (typeof answer !== 'object' || answer === null || !('error' in answer)))
      throw new RpcError('unreachable', name, `${name}: HTTP ${status}`)
    return answer
  }

  async function send(payload: string): Promise<{ status: number; body: string }> {
    // One clock for the whole exchange: a server that trickles bytes must not hold a request for ever.
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const response = await pool.request({ path, method: 'POST', headers, body: payload, signal })
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of response.body) {
        size += chunk.length
        if (size > maxBytes) {
          response.body.destroy()
          throw new RpcError('range-too-large', name, `${name}: the response exceeds ${maxBytes} bytes`)
        }
        chunks.push(chunk)
      }
      const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
      return { status: response.statusCode, body: bytes.toString('utf8') }
    } catch (cause) {
      if (cause instanceof RpcError) throw cause
      const what = (cause as Error).name
      if (signal.aborted || what === 'HeadersTimeoutError' || what === 'BodyTimeoutError')
        throw new RpcError('timeout', name, `${name}: no answer within ${timeoutMs} ms`, cause)
      throw new RpcError('unreachable', name, `${name}: ${(cause as { code?: string }).code ?? what}`, cause)
    }
  }

  function resultOf(method: string, answer: RpcAnswer): unknown {
    if (answer.error !== undefined && answer.error !== null)
      throw new RpcError(
        failureOf(answer.error),
        name,
        `${name}: ${method}: ${excerpt(answer.error.message)}`,
      )
    if (!('result' in answer))
      throw new RpcError('malformed', name, `${name}: ${method}: neither result nor error`)
    return answer.result
  }

  return {
    name,
    async request<T>(method: string, params: readonly unknown[]) {
      const answer = await post(JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params }))
      if (!isAnswer(answer)) throw new RpcError('malformed', name, `${name}: ${method}: not an object`)
      return resultOf(method, answer) as T
    },
    async batch<T extends readonly unknown[]>(calls: readonly RpcCall[]) {
      if (calls.length === 0) return [] as unknown as T
      const firstId = nextId
      nextId += calls.length
      const answers = await post(
        JSON.stringify(
          calls.map(({ method, params }, i) => ({ jsonrpc: '2.0', id: firstId + i, method, params })),
        ),
      )
      if (!Array.isArray(answers)) {
        // An error for the batch as a whole is answered by a single object.
        if (isAnswer(answers)) resultOf('batch', answers)
        throw new RpcError('malformed', name, `${name}: a batch was not answered by an array`)
      }
      const byId = new Map<unknown, RpcAnswer>()
      for (const answer of answers) if (isAnswer(answer)) byId.set(answer.id, answer)
      return calls.map(({ method }, i) => {
        const answer = byId.get(firstId + i)
        if (answer === undefined)
          throw new RpcError('malformed', name, `${name}: ${method}: no answer in the batch`)
        return resultOf(method, answer)
      }) as unknown as T
    },
    close: () => pool.destroy(),
  }
}

const isAnswer = (value: unknown): value is RpcAnswer =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const excerpt = (message: unknown): string => String(message).slice(0, 200)
