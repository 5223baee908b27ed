import { PostConnections } from './post-connections.ts'
import type { PostAnswer } from './post-exchange.ts'
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
  const connections = new PostConnections({
    url,
    headers: { 'content-type': 'application/json', ...authorizationOf(url) },
    connections: options.connections,
    timeoutMs,
  })

  async function send(payload: string, maxBytes: number): Promise<PostAnswer> {
    try {
      return await connections.post(payload, maxBytes)
    } catch (cause) {
      const code = (cause as { code?: string }).code ?? (cause as Error).name
      if (code === 'TOO_LARGE')
        throw new RpcError('range-too-large', name, `${name}: the response exceeds ${maxBytes} bytes`)
      if (code === 'TIMED_OUT')
        throw new RpcError('timeout', name, `${name}: no answer within ${timeoutMs} ms`, cause)
      throw new RpcError('unreachable', name, `${name}: ${code}`, cause)
    }
  }

  return {
    async post(payload, maxBytes = maxResponseBytes) {
      const { status, retryAfter, json } = await send(payload, Math.min(maxBytes, maxResponseBytes))
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
      return { status, json }
    },
    close: async () => connections.close(),
  }
}

/** What a user name and password in a URL become: a header, since neither HTTP nor WebSocket clients take them. */
export function authorizationOf({ username, password }: URL): { authorization?: string } {
  if (username === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}
