import { Agent, type Dispatcher } from 'undici'
import { CountersignError } from '../../protocol/errors.ts'
import type { Address, Bytes32 } from '../../protocol/hex.ts'
import { signRequest } from '../../protocol/signed-request.ts'
import { BodyTooLong, readBoundedBody } from '../party/bounded-body.ts'

/** What a provider sent back, before anything in it is believed. */
export interface ProviderReply {
  status: number
  /** Undefined when the body is not JSON. */
  body: unknown
}

/** The four headers that sign a request; injected, so that a measurement can do without. */
export type RequestSigner = (request: {
  method: string
  path: string
  body: Uint8Array
  recipient: Address
}) => Record<string, string>

export interface ProviderClientOptions {
  sign: RequestSigner
  /** Bytes of the longest response that is read. */
  maxResponseBytes: number
  /** Requests to one provider at a time; further ones fail at once. */
  maxInFlight: number
  /** Connections to one provider. */
  connections: number
}

const CONNECT_TIMEOUT_MS = 2_000

/** Sends signed requests to providers over kept connections, each with a deadline of its own. */
export class ProviderClient {
  readonly #options: ProviderClientOptions
  readonly #agent: Agent
  readonly #inFlight = new Map<Address, number>()

  constructor(options: ProviderClientOptions) {
    this.#options = options
    this.#agent = new Agent({
      connections: options.connections,
      connect: { timeout: CONNECT_TIMEOUT_MS },
      keepAliveTimeout: 30_000,
      // A provider's server closes idle connections sooner or later; ours go first.
      keepAliveMaxTimeout: 60_000,
    })
  }

  /**
   * Posts JSON and reads the answer, all within `deadlineMs`.
   * @throws PROVIDER_TIMED_OUT, PROVIDER_UNREACHABLE, PROVIDER_ANSWER_INVALID (too long)
   */
  async post(
    provider: { address: Address; endpoint: string },
    path: string,
    body: Uint8Array,
    deadlineMs: number,
  ): Promise<ProviderReply> {
    const waiting = this.#inFlight.get(provider.address) ?? 0
    if (waiting >= this.#options.maxInFlight)
      throw new CountersignError('PROVIDER_UNREACHABLE', `${waiting} requests to it are waiting already`)
    this.#inFlight.set(provider.address, waiting + 1)
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), deadlineMs)
    try {
      const { origin, path: fullPath } = this.#targetOf(provider.endpoint, path)
      const headers = this.#options.sign({
        method: 'POST',
        path: fullPath,
        body,
        recipient: provider.address,
      })
      headers['content-type'] = 'application/json'
      const response = await this.#agent.request({
        origin,
        path: fullPath,
        method: 'POST',
        headers,
        body,
        signal: deadline.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      })
      return await this.#readReply(response)
    } catch (error) {
      throw toProviderError(error, deadline.signal.aborted, deadlineMs)
    } finally {
      clearTimeout(timer)
      this.#inFlight.set(provider.address, this.#inFlight.get(provider.address)! - 1)
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #readReply({ statusCode, body }: Dispatcher.ResponseData): Promise<ProviderReply> {
    const bytes = await readBoundedBody(body, this.#options.maxResponseBytes)
    return { status: statusCode, body: parseOrUndefined(bytes) }
  }

  readonly #targets = new Map<string, { origin: string; path: string }>()

  #targetOf(endpoint: string, path: string): { origin: string; path: string } {
    const name = endpoint + path
    let target = this.#targets.get(name)
    if (target === undefined) {
      const url = toUrl(endpoint)
      target = { origin: url.origin, path: url.pathname.replace(/\/$/, '') + path }
      if (this.#targets.size >= MAX_TARGETS) this.#targets.clear()
      this.#targets.set(name, target)
    }
    return target
  }
}

const MAX_TARGETS = 1_000

/** Signs as the proxy. @param lifetimeS seconds for which each request may be served */
export const requestSigner =
  ({ address, privateKey }: { address: Address; privateKey: Bytes32 }, lifetimeS: number): RequestSigner =>
  (request) =>
    signRequest({
      ...request,
      sender: address,
      privateKey,
      expiresAt: Math.floor(Date.now() / 1000) + lifetimeS,
    })

function toUrl(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new CountersignError('PROVIDER_UNREACHABLE', 'the directory names no http(s) endpoint for it')
  return url
}

function parseOrUndefined(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function toProviderError(error: unknown, isLate: boolean, deadlineMs: number): CountersignError {
  if (error instanceof CountersignError) return error
  if (isLate) return new CountersignError('PROVIDER_TIMED_OUT', `no answer within ${deadlineMs} ms`)
  if (error instanceof BodyTooLong)
    return new CountersignError('PROVIDER_ANSWER_INVALID', `the answer is ${error.message}`)
  const code = (error as { code?: unknown }).code
  // The code only (ECONNREFUSED …): messages name addresses of the inner network.
  return new CountersignError(
    'PROVIDER_UNREACHABLE',
    `no connection (${typeof code === 'string' ? code.slice(0, 40) : 'failed'})`,
    {
      cause: error,
    },
  )
}
