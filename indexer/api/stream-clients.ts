import { isIPv6 } from 'node:net'
import { CountersignError } from '../../protocol/errors.ts'

export interface StreamClientMetrics {
  streams(open: number): void
  streamCut(): void
}

export interface StreamClientOptions {
  maxStreams: number
  /** Default: a quarter of all. */
  maxStreamsPerAddress?: number
  /** A client that takes nothing for so long, though there is something, is cut off. */
  stallMs?: number
  metrics: StreamClientMetrics
}

export interface StreamClient {
  /** Aborted when the stream is to end. */
  readonly signal: AbortSignal
  /** To be called around handing something to the client: from when on it is waited for, and when it has taken it. */
  offered(): void
  taken(): void
  /** The connection is gone. */
  closed(): void
}

const STALL_MS = 10_000

/** The streams that are open: how many there may be, who does not read, and the end of all. */
export class StreamClients {
  readonly #options: Required<StreamClientOptions>
  readonly #open = new Set<{ abort: AbortController; offeredAt: number | undefined; cut: () => void }>()
  readonly #perAddress = new Map<string, number>()
  readonly #looking: NodeJS.Timeout
  #isClosing = false

  constructor(options: StreamClientOptions) {
    const stallMs = options.stallMs ?? STALL_MS
    this.#options = {
      ...options,
      stallMs,
      maxStreamsPerAddress: options.maxStreamsPerAddress ?? Math.ceil(options.maxStreams / 4),
    }
    this.#looking = setInterval(() => this.#cutStalled(), Math.min(stallMs / 4, 1_000))
    this.#looking.unref()
  }

  /**
   * @param cut closes the connection at once
   * @throws STREAMS_EXHAUSTED, STREAMS_PER_ADDRESS_EXHAUSTED
   */
  add(address: string, cut: () => void): StreamClient {
    const { maxStreams, maxStreamsPerAddress, metrics } = this.#options
    if (this.#isClosing) throw new CountersignError('NOT_READY', 'the server is about to stop')
    if (this.#open.size >= maxStreams)
      throw new CountersignError('STREAMS_EXHAUSTED', `${maxStreams} streams are open`)
    const block = addressBlock(address)
    const ofBlock = this.#perAddress.get(block) ?? 0
    if (ofBlock >= maxStreamsPerAddress)
      throw new CountersignError(
        'STREAMS_PER_ADDRESS_EXHAUSTED',
        `${ofBlock} streams are open from this address`,
      )
    const client = { abort: new AbortController(), offeredAt: undefined as number | undefined, cut }
    this.#open.add(client)
    this.#perAddress.set(block, ofBlock + 1)
    metrics.streams(this.#open.size)
    return {
      signal: client.abort.signal,
      offered() {
        client.offeredAt = performance.now()
      },
      taken() {
        client.offeredAt = undefined
      },
      closed: () => {
        if (!this.#open.delete(client)) return
        client.abort.abort()
        const left = this.#perAddress.get(block)! - 1
        if (left === 0) this.#perAddress.delete(block)
        else this.#perAddress.set(block, left)
        metrics.streams(this.#open.size)
      },
    }
  }

  /** Ends every stream after what it is sending; who does not take that is cut off after `graceMs`. */
  close(graceMs = 500): void {
    this.#isClosing = true
    clearInterval(this.#looking)
    for (const { abort } of this.#open) abort.abort()
    setTimeout(() => {
      for (const { cut } of this.#open) cut()
    }, graceMs).unref()
  }

  #cutStalled(): void {
    const { stallMs, metrics } = this.#options
    const now = performance.now()
    for (const { offeredAt, cut } of [...this.#open])
      if (offeredAt !== undefined && now - offeredAt > stallMs) {
        metrics.streamCut()
        cut()
      }
  }
}

/** Of IPv6 the first 64 bits: whoever has one address there has them all. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = address.toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':')
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return groups.slice(0, 4).join(':')
}
