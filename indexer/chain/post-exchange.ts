import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { BodyBuffers, BodyCollector } from './body-buffers.ts'

/** An answer of the server, any status. */
export interface PostAnswer {
  status: number
  /** The header, as it came. */
  retryAfter: string | undefined
  /** The body; undefined when it is not JSON. */
  json: unknown
}

/** Why this side gave an exchange up; `CUT`: the connection ended without an answer and without a word. */
export type PostFailure = 'TIMED_OUT' | 'TOO_LARGE' | 'CONNECT_TIMED_OUT' | 'CUT' | 'CLOSED'

export class PostError extends Error {
  readonly code: PostFailure

  constructor(code: PostFailure) {
    super(code)
    this.name = 'PostError'
    this.code = code
  }
}

export interface PostExchangeOptions {
  payload: string
  /** A larger response body is given up. */
  maxBytes: number
  buffers: BodyBuffers
  /** A connection that does not stand by then is given up. */
  connectMs: number
}

/** One request and the answer to it, which comes whole or not at all. */
export class PostExchange {
  readonly answer: Promise<PostAnswer>
  readonly #options: PostExchangeOptions
  #resolve!: (answer: PostAnswer) => void
  #reject!: (error: Error) => void
  #request: ClientRequest | undefined
  #body: BodyCollector | undefined
  #isOver = false

  constructor(options: PostExchangeOptions) {
    this.#options = options
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  send(request: ClientRequest): void {
    this.#request = request
    request.on('socket', (socket) => this.#limitConnecting(socket))
    request.on('response', (response) => this.#collect(response))
    request.on('error', (error) => this.fail(error))
    request.on('close', () => this.fail(new PostError('CUT')))
    request.end(this.#options.payload)
  }

  /** Gives it up, unless it is over. The connection is not used again. */
  fail(error: Error): void {
    if (this.#isOver) return
    this.#end()
    this.#request?.destroy()
    this.#reject(error)
  }

  #limitConnecting(socket: Socket): void {
    if (!socket.connecting) return
    const timer = setTimeout(() => this.fail(new PostError('CONNECT_TIMED_OUT')), this.#options.connectMs)
    const stop = () => clearTimeout(timer)
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop)
    socket.once('close', stop)
  }

  #collect(response: IncomingMessage): void {
    const { buffers, maxBytes } = this.#options
    const body = buffers.collect()
    this.#body = body
    response.on('data', (chunk: Buffer) => {
      // Its memory may be another body's by now.
      if (this.#isOver) return
      body.add(chunk)
      if (body.size > maxBytes) this.fail(new PostError('TOO_LARGE'))
    })
    response.on('error', (error) => this.fail(error))
    response.on('end', () => this.#finish(response, body))
  }

  #finish(response: IncomingMessage, body: BodyCollector): void {
    if (this.#isOver) return
    const answer = {
      status: response.statusCode!,
      retryAfter: response.headers['retry-after'],
      json: body.json(),
    }
    this.#end()
    // Answered before it was read: who does not want the rest would keep the connection busy.
    if (!this.#request!.writableFinished) this.#request!.destroy()
    this.#resolve(answer)
  }

  #end(): void {
    this.#isOver = true
    this.#body?.release()
  }
}
