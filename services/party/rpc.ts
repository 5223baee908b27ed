import { JsonRpcProvider, Network } from 'ethers'
import { Agent, type Dispatcher, request } from 'undici'
import { CountersignError } from '../../protocol/errors.ts'
import { readBoundedBody } from './bounded-body.ts'

type Payload = Parameters<JsonRpcProvider['_send']>[0]
type Answers = Awaited<ReturnType<JsonRpcProvider['_send']>>

export interface ChainRpcOptions {
  chainId: number
  /** Tried in this order; the one that answered last is tried first next time. At least one. */
  rpcUrls: readonly string[]
  /** Milliseconds one endpoint has for one request. Default 10,000. */
  timeoutMs?: number
  /** Bytes of the largest answer that is read. Default 64 MiB: a block's receipts can be long. */
  maxAnswerBytes?: number
}

const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_MAX_ANSWER_BYTES = 64 * 1024 * 1024
const MAX_BATCH = 50

/**
 * A chain over JSON-RPC as ethers' `JsonRpcProvider`: each request ends within a time, none is retried for ever, answers are bounded,
 * and an endpoint of another chain is refused before anything it says is used. Nothing is cached: what is asked is read.
 * Requests fail with CHAIN_UNREACHABLE when no endpoint answers, CHAIN_MISMATCH when one has another chain id or another genesis block
 * than before, or ethers' errors.
 */
export class ChainRpc extends JsonRpcProvider {
  readonly chainId: number
  readonly #endpoints: Endpoint[]
  readonly #agent: Agent
  readonly #timeoutMs: number
  readonly #maxAnswerBytes: number
  /** As the first endpoint that was asked said. */
  #genesisHash: string | undefined

  constructor(options: ChainRpcOptions) {
    const network = Network.from(options.chainId)
    super(options.rpcUrls[0], network, {
      staticNetwork: network,
      cacheTimeout: -1,
      batchMaxCount: MAX_BATCH,
      // Those of the same turn of the event loop.
      batchStallTime: 0,
    })
    this.chainId = options.chainId
    this.#endpoints = options.rpcUrls.map((url) => ({ url, isOfThisChain: undefined }))
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.#maxAnswerBytes = options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES
    this.#agent = new Agent({ connections: 8, connect: { timeout: Math.min(this.#timeoutMs, 3_000) } })
    // Behind the same URL another node may be there next time.
    this.#agent.on('disconnect', ({ origin }) => this.#forget(origin))
  }

  override async _send(payload: Payload): Promise<Answers> {
    let failure: unknown
    for (const endpoint of [...this.#endpoints]) {
      try {
        await this.#checkChain(endpoint)
        const answers = await this.#post(endpoint.url, payload)
        this.#prefer(endpoint)
        return answers
      } catch (error) {
        // A node that was away may come back as another one.
        endpoint.isOfThisChain = undefined
        failure = error
      }
    }
    throw unreachable(this.chainId, failure)
  }

  override destroy(): void {
    super.destroy()
    void this.#agent.destroy()
  }

  #forget(origin: string): void {
    for (const endpoint of this.#endpoints)
      if (new URL(endpoint.url).origin === origin) endpoint.isOfThisChain = undefined
  }

  #prefer(endpoint: Endpoint): void {
    if (this.#endpoints[0] === endpoint) return
    this.#endpoints.splice(this.#endpoints.indexOf(endpoint), 1)
    this.#endpoints.unshift(endpoint)
  }

  /** Once per connection to an endpoint, shared by the requests that wait for it. */
  #checkChain(endpoint: Endpoint): Promise<void> {
    endpoint.isOfThisChain ??= this.#readIdentity(endpoint.url)
    return endpoint.isOfThisChain
  }

  /** A chain started afresh has the same id, and another genesis block. */
  async #readIdentity(url: string): Promise<void> {
    const chainId = Number(await this.#ask(url, 'eth_chainId', []))
    if (chainId !== this.chainId)
      throw mismatch(`the node configured for chain ${this.chainId} answers for chain ${chainId}`)
    const genesis = (await this.#ask(url, 'eth_getBlockByNumber', ['0x0', false])) as { hash?: string } | null
    if (genesis?.hash === undefined) return
    this.#genesisHash ??= genesis.hash
    if (genesis.hash !== this.#genesisHash)
      throw mismatch(
        `the genesis block of chain ${this.chainId} was ${this.#genesisHash}, a node says ${genesis.hash}`,
      )
  }

  async #ask(url: string, method: string, params: unknown[]): Promise<unknown> {
    const [answer] = (await this.#post(url, { id: 0, jsonrpc: '2.0', method, params })) as {
      result?: unknown
    }[]
    return answer?.result
  }

  async #post(url: string, payload: Payload): Promise<Answers> {
    const response: Dispatcher.ResponseData = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payload),
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(this.#timeoutMs),
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
    })
    const body = await readBoundedBody(response.body, this.#maxAnswerBytes)
    if (response.statusCode !== 200) throw new Error(`HTTP status ${response.statusCode}`)
    const answers = JSON.parse(body.toString('utf8')) as Answers | Answers[number]
    return Array.isArray(answers) ? answers : [answers]
  }
}

interface Endpoint {
  url: string
  isOfThisChain: Promise<void> | undefined
}

export const connectChain = (options: ChainRpcOptions): ChainRpc => new ChainRpc(options)

const mismatch = (message: string) => new CountersignError('CHAIN_MISMATCH', message)

/** URLs are left out: they may carry an access token. */
function unreachable(chainId: number, cause: unknown): CountersignError {
  if (cause instanceof CountersignError) return cause
  return new CountersignError('CHAIN_UNREACHABLE', `no node of chain ${chainId} answers`, { cause })
}
