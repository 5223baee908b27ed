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
  /** An endpoint with another one is refused; see also {@link ChainRpc.expectGenesis}. Default: not looked at. */
  genesisHash?: string | undefined
  /** Milliseconds one endpoint has for one request. Default 10,000. */
  timeoutMs?: number
  /** Bytes of the largest answer that is read. Default 64 MiB: a block's receipts can be long. */
  maxAnswerBytes?: number
}

const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_MAX_ANSWER_BYTES = 64 * 1024 * 1024
const MAX_BATCH = 50
/** After each connection that ends an endpoint is asked who it is: no more often than it must. */
const KEEP_ALIVE_MS = 60_000

/**
 * A chain over JSON-RPC as ethers' `JsonRpcProvider`: each request ends within a time, none is retried for ever, answers are bounded,
 * and an endpoint of another chain is refused before anything it says is used. Nothing is cached: what is asked is read.
 * Requests fail with CHAIN_UNREACHABLE when no endpoint answers, CHAIN_MISMATCH when one has another chain id or genesis block, or ethers'
 * errors.
 */
export class ChainRpc extends JsonRpcProvider {
  readonly chainId: number
  /** Each endpoint by itself, in the order given: one may have what another has pruned. None stands in for another. */
  readonly nodes: readonly { send(method: string, params: unknown[]): Promise<unknown> }[]
  readonly #endpoints: Endpoint[]
  readonly #agent: Agent
  readonly #timeoutMs: number
  readonly #maxAnswerBytes: number
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
    this.nodes = this.#endpoints.map((endpoint) => ({
      send: (method, params) => this.#askOne(endpoint, method, params),
    }))
    this.#genesisHash = options.genesisHash
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.#maxAnswerBytes = options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES
    this.#agent = new Agent({
      connections: 8,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: { timeout: Math.min(this.#timeoutMs, 3_000) },
    })
    // Behind the same URL another node may be there next time.
    this.#agent.on('disconnect', ({ origin }) => this.#forget(origin))
  }

  override async _send(payload: Payload): Promise<Answers> {
    let failure: unknown
    for (const endpoint of [...this.#endpoints]) {
      try {
        const answers = await this.#askEndpoint(endpoint, payload)
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

  async #askOne(endpoint: Endpoint, method: string, params: unknown[]): Promise<unknown> {
    const [answer] = await this.#askEndpoint(endpoint, { id: 1, jsonrpc: '2.0', method, params }).catch(
      (error) => {
        endpoint.isOfThisChain = undefined
        throw unreachable(this.chainId, error)
      },
    )
    if (answer === undefined || !('result' in answer)) throw new Error(`the node refuses ${method}`)
    return answer.result
  }

  async #askEndpoint(endpoint: Endpoint, payload: Payload): Promise<Answers> {
    const checked = this.#checkChain(endpoint)
    await checked
    const answers = await this.#post(endpoint.url, payload)
    // A connection ended meanwhile: the answers may have come over a new one.
    if (endpoint.isOfThisChain !== checked) await this.#checkChain(endpoint)
    return answers
  }

  /** From now on every endpoint has to have this genesis block: what was kept of a chain says nothing of another one. */
  expectGenesis(hash: string): void {
    if (hash === this.#genesisHash) return
    this.#genesisHash = hash
    for (const endpoint of this.#endpoints) endpoint.isOfThisChain = undefined
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

  /** Shared by the requests that wait for it, until a connection to the endpoint ends. */
  #checkChain(endpoint: Endpoint): Promise<void> {
    endpoint.isOfThisChain ??= this.#readIdentity(endpoint.url)
    return endpoint.isOfThisChain
  }

  async #readIdentity(url: string): Promise<void> {
    const ask = (id: number, method: string, params: unknown[]) => ({
      id,
      jsonrpc: '2.0' as const,
      method,
      params,
    })
    const answers = (await this.#post(url, [
      ask(0, 'eth_chainId', []),
      ...(this.#genesisHash === undefined ? [] : [ask(1, 'eth_getBlockByNumber', ['0x0', false])]),
    ])) as { id?: unknown; result?: unknown; error?: unknown }[]
    // A refusal, for too many requests say, tells nothing of the chain.
    if (answers.some(({ error }) => error !== undefined)) throw new Error('the node does not say who it is')
    const resultOf = (id: number) => answers.find((answer) => answer.id === id)?.result
    if (Number(resultOf(0)) !== this.chainId)
      throw mismatch(`the node configured for chain ${this.chainId} answers for chain ${Number(resultOf(0))}`)
    const genesis = resultOf(1) as { hash?: string } | null | undefined
    // A node that does not have it any more may be of any chain of this id.
    if (genesis != null && genesis.hash !== this.#genesisHash)
      throw mismatch(
        `the genesis block of chain ${this.chainId} is ${genesis.hash} by a node, and has to be ${this.#genesisHash}`,
      )
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
