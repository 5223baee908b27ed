import type { Agent, ClientRequest } from 'node:http'
import { urlToHttpOptions } from 'node:url'
import { BodyBuffers } from './body-buffers.ts'
import { type PostAnswer, PostError, PostExchange } from './post-exchange.ts'

export interface PostOptions {
  url: URL
  headers: Record<string, string>
  /** Requests at once; further ones wait. */
  connections: number
  /** For the whole exchange, waiting and connecting included. */
  timeoutMs: number
}

/** Of a connection between two requests; less where the server says so. */
const KEEP_ALIVE_MS = 60_000
const MAX_CONNECT_MS = 10_000

// To import it would read each of its exports, and with one of them load Node's own fetch.
const http = process.getBuiltinModule('node:http')

/** Posts to one address over kept-alive connections, bounded in number. */
export class PostConnections {
  readonly #request: () => ClientRequest
  readonly #agent: Agent
  readonly #buffers: BodyBuffers
  readonly #most: number
  readonly #timeoutMs: number
  readonly #waiting = new Set<PostExchange>()
  readonly #running = new Set<PostExchange>()
  #isClosed = false

  constructor({ url, headers, connections, timeoutMs }: PostOptions) {
    const { protocol, hostname, port, path } = urlToHttpOptions(url)
    const scheme = protocol === 'https:' ? process.getBuiltinModule('node:https') : http
    // Requests wait here and not in the agent, which would connect for those that were given up meanwhile.
    const agent = new scheme.Agent({ keepAlive: true, timeout: KEEP_ALIVE_MS, maxFreeSockets: connections })
    const options = { method: 'POST', protocol, hostname, port, path, headers, agent }
    this.#request = () => scheme.request(options)
    this.#agent = agent
    this.#buffers = new BodyBuffers(connections)
    this.#most = connections
    this.#timeoutMs = timeoutMs
  }

  /** @throws PostError, or what the connection failed with, which has a `code` */
  async post(payload: string, maxBytes: number): Promise<PostAnswer> {
    if (this.#isClosed) throw new PostError('CLOSED')
    const exchange = new PostExchange({
      payload,
      maxBytes,
      buffers: this.#buffers,
      connectMs: Math.min(this.#timeoutMs, MAX_CONNECT_MS),
    })
    // One clock for all of it: a server that trickles bytes must not hold a request for ever.
    const clock = setTimeout(() => exchange.fail(new PostError('TIMED_OUT')), this.#timeoutMs)
    this.#waiting.add(exchange)
    try {
      this.#sendWaiting()
      return await exchange.answer
    } finally {
      clearTimeout(clock)
      this.#waiting.delete(exchange)
      this.#running.delete(exchange)
      this.#sendWaiting()
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#isClosed = true
    for (const exchange of [...this.#waiting, ...this.#running]) exchange.fail(new PostError('CLOSED'))
    this.#agent.destroy()
  }

  #sendWaiting(): void {
    for (const exchange of this.#waiting) {
      if (this.#isClosed || this.#running.size >= this.#most) return
      this.#waiting.delete(exchange)
      this.#running.add(exchange)
      exchange.send(this.#request())
    }
  }
}
