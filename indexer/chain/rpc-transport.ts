import { Pool } from 'undici'
import { BodyBuffers } from './body-buffers.ts'
import { retryAfterMs } from './rpc-dialects.ts'
import { RpcError } from './rpc-error.ts'

export interface RpcTransportOptions {
  url: string
  /** For errors; the URL may hold an access key. */
  name: string
  timeoutMs: number
  /** A larger response body is refused unread. */
  maxResponseBytes: number
  connections: number
}

/** An answer of the server, parsed; any status but 429. */
export interface HttpAnswer {
  status: number
  /** Undefined when the body is not JSON. */
  json: unknown
}

/** Posts JSON over kept-alive connections, in bounded time and size. */
export interface RpcTransport {
  /** @param maxBytes default: as many as the transport allows. @throws RpcError (unreachable, timeout, rate-limited, range-too-large) */
  post(payload: string, maxBytes?: number): Promise<HttpAnswer>
  close(): Promise<void>
}

export function createRpcTransport(options: RpcTransportOptions): RpcTransport {
  const { name, timeoutMs, maxResponseBytes } = options
  const url = new URL(options.url)
  const path = url.pathname + url.search
  const headers: Record<string, string> = { 'content-type': 'application/json', ...authorizationOf(url) }
  const buffers = new BodyBuffers(options.connections)
  const pool = new Pool(url.origin, {
    connections: options.connections,
    keepAliveTimeout: 60_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: Math.min(timeoutMs, 10_000) },
  })

  async function send(
    payload: string,
    maxBytes: number,
  ): Promise<{ status: number; retryAfter: unknown; body: string }> {
    // One clock for the whole exchange: a server that trickles bytes must not hold a request for ever.
    const signal = AbortSignal.timeout(timeoutMs)
    const body = buffers.collect()
    try {
      const response = await pool.request({ path, method: 'POST', headers, body: payload, signal })
      for await (const chunk of response.body) {
        body.add(chunk)
        if (body.size <= maxBytes) continue
        response.body.destroy()
        throw new RpcError('range-too-large', name, `${name}: the response exceeds ${maxBytes} bytes`)
      }
      return {
        status: response.statusCode,
        retryAfter: response.headers['retry-after'],
        body: body.text(),
      }
    } catch (cause) {
      if (cause instanceof RpcError) throw cause
      const what = (cause as Error).name
      if (signal.aborted || what === 'HeadersTimeoutError' || what === 'BodyTimeoutError')
        throw new RpcError('timeout', name, `${name}: no answer within ${timeoutMs} ms`, cause)
      throw new RpcError('unreachable', name, `${name}: ${(cause as { code?: string }).code ?? what}`, cause)
    } finally {
      body.release()
    }
  }

  return {
    async post(payload, maxBytes = maxResponseBytes) {
      const { status, retryAfter, body } = await send(payload, Math.min(maxBytes, maxResponseBytes))
      if (status === 429) {
        const pause = retryAfterMs(retryAfter)
        throw new RpcError(
          'rate-limited',
          name,
          `${name}: too many requests (HTTP 429)`,
          undefined,
          pause === undefined ? {} : { retryAfterMs: pause },
        )
      }
      try {
        return { status, json: JSON.parse(body) }
      } catch {
        return { status, json: undefined }
      }
    },
    close: () => pool.destroy(),
  }
}

/** What a user name and password in a URL become: a header, since neither HTTP nor WebSocket clients take them. */
export function authorizationOf({ username, password }: URL): { authorization?: string } {
  if (username === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}
