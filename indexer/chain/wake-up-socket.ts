import type { Agent, WebSocket } from 'undici'
import { isBytes32 } from '../../protocol/hex.ts'
import { authorizationOf } from './rpc-transport.ts'
import type { HeadHint } from './wake-up.ts'

export interface HeadSocketEvents {
  onHead(hint: HeadHint): void
  /** The subscription stands, or does not any more. */
  onChange(isUp: boolean): void
}

/** To the first connection. Loading the client holds up everything else, of which there is most after a start. */
const BEGIN_AFTER_MS = 100
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 30_000
/** A connection that is not subscribed by then is given up. */
const SUBSCRIBE_TIMEOUT_MS = 5_000
/** A header is a few kilobytes; whoever sends more wants something else. */
const MAX_MESSAGE_BYTES = 256 * 1024

/**
 * Keeps a subscription to `newHeads`: connects, subscribes, and after a failure goes on to the next address, with pauses
 * that grow to half a minute. The standard WebSocket, from the package for its limit of a message's size.
 */
export class HeadSocket {
  readonly #urls: readonly string[]
  readonly #events: HeadSocketEvents
  #agent: Agent | undefined
  #socket: WebSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #isUp = false
  #hasBegun = false
  #isClosed = false
  #failures = 0

  constructor(urls: readonly string[], events: HeadSocketEvents) {
    this.#urls = urls
    this.#events = events
  }

  /** Connects, and from then on keeps at it. Again: changes nothing. */
  begin(): void {
    if (this.#hasBegun || this.#isClosed) return
    this.#hasBegun = true
    this.#connectAfter(BEGIN_AFTER_MS)
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** The connection says nothing any more: begin anew. */
  restart(): void {
    if (this.#socket !== undefined) this.#fail(this.#socket)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    if (this.#socket !== undefined) this.#drop(this.#socket)
    void this.#agent?.destroy().catch(() => {})
  }

  async #connect(): Promise<void> {
    const { Agent, WebSocket } = await import('undici')
    if (this.#isClosed) return
    this.#agent ??= new Agent({ webSocket: { maxPayloadSize: MAX_MESSAGE_BYTES } })
    const url = new URL(this.#urls[this.#failures % this.#urls.length]!)
    const headers = { ...authorizationOf(url) }
    url.username = ''
    url.password = ''
    let socket: WebSocket
    try {
      socket = new WebSocket(url, { dispatcher: this.#agent, headers })
    } catch {
      this.#retryLater()
      return
    }
    this.#socket = socket
    this.#timer = setTimeout(() => this.#fail(socket), SUBSCRIBE_TIMEOUT_MS)
    this.#timer.unref()
    let subscription: unknown
    socket.onopen = () => {
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }))
    }
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return
      const message = parse(data)
      if (message?.id === 1 && subscription === undefined) {
        if (typeof message.result !== 'string') return this.#fail(socket)
        subscription = message.result
        this.#settle()
      } else if (message?.params?.subscription === subscription && subscription !== undefined) {
        const hint = readHint(message?.params?.result)
        if (hint !== undefined) this.#events.onHead(hint)
      }
    }
    socket.onclose = () => this.#fail(socket)
    socket.onerror = () => this.#fail(socket)
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#failures = 0
    this.#isUp = true
    this.#events.onChange(true)
  }

  #fail(socket: WebSocket): void {
    if (this.#socket !== socket || this.#isClosed) return
    this.#drop(socket)
    this.#retryLater()
    if (!this.#isUp) return
    this.#isUp = false
    this.#events.onChange(false)
  }

  #drop(socket: WebSocket): void {
    this.#socket = undefined
    // A dead peer would hold a closing handshake open; nothing of it is listened to any more.
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.onerror = () => {}
    socket.close()
  }

  #retryLater(): void {
    clearTimeout(this.#timer)
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10), MAX_PAUSE_MS)
    this.#failures++
    this.#connectAfter(pause)
  }

  #connectAfter(pauseMs: number): void {
    this.#timer = setTimeout(() => void this.#connect(), pauseMs)
    this.#timer.unref()
  }
}

interface Message {
  id?: unknown
  result?: unknown
  params?: { subscription?: unknown; result?: unknown }
}

function parse(data: unknown): Message | undefined {
  try {
    const message: unknown = JSON.parse(String(data))
    return typeof message === 'object' && message !== null ? (message as Message) : undefined
  } catch {
    return undefined
  }
}

function readHint(head: unknown): HeadHint | undefined {
  const { number, hash, parentHash } = (head ?? {}) as Record<string, unknown>
  const height = typeof number === 'string' ? Number(number) : Number.NaN
  if (!Number.isSafeInteger(height)) return undefined
  const [own, parent] = [String(hash).toLowerCase(), String(parentHash).toLowerCase()]
  return isBytes32(own) && isBytes32(parent) ? { number: height, hash: own, parentHash: parent } : undefined
}
