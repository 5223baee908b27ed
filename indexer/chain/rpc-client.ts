import { createRpcEndpoint, type RpcCall, type RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError, RpcError, type RpcFailure } from './rpc-error.ts'

export interface RpcClientOptions {
  /** In order of preference. */
  urls: readonly string[]
  /** Prefix of the endpoints' names in logs and status. */
  name: string
  timeoutMs?: number
  onFailure?: (error: RpcError) => void
  /** Run against an endpoint before its first answer is believed, and again after it was away. May throw to refuse it. */
  identify?: (endpoint: RpcEndpoint) => Promise<void>
}

export interface EndpointHealth {
  name: string
  healthy: boolean
  /** Failed requests since start. */
  failures: number
  /** How often it left logs out or altered them, as the chain's heads showed. */
  distrusts: number
  lastFailure?: RpcFailure
}

/** All endpoints of one chain as one: a request goes to the first healthy one and moves on when it fails. */
export interface RpcClient {
  request<T>(method: string, params: readonly unknown[]): Promise<T>
  batch<T extends readonly unknown[]>(calls: readonly RpcCall[]): Promise<T>
  /** Runs `task` against one endpoint only, so that its answers belong together; on failure again against the next. */
  withEndpoint<T>(task: (endpoint: RpcEndpoint) => Promise<T>): Promise<T>
  /**
   * Puts an endpoint last for minutes, however well it answers: it contradicted another, or the chain's own heads. With
   * all endpoints distrusted, the one longest so comes first.
   */
  distrust(endpoint: string): void
  health(): EndpointHealth[]
  close(): Promise<void>
}

interface Member {
  endpoint: RpcEndpoint
  identified: boolean
  failures: number
  consecutive: number
  /** While it fails, and for a pause after. */
  asideUntil: number
  distrusts: number
  distrustedUntil: number
  lastFailure?: RpcFailure
}

const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 30_000
const FIRST_DISTRUST_MS = 60_000
const MAX_DISTRUST_MS = 3_600_000
/** The caller has to ask differently; another endpoint would say the same. */
const CALLERS_FAULT: readonly RpcFailure[] = ['range-too-large']

export function createRpcClient(options: RpcClientOptions): RpcClient {
  const members = options.urls.map((url, i): Member => {
    const endpoint = createRpcEndpoint({
      url,
      name: `${options.name}#${i}`,
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    })
    return {
      endpoint,
      identified: false,
      failures: 0,
      consecutive: 0,
      asideUntil: 0,
      distrusts: 0,
      distrustedUntil: 0,
    }
  })

  function noteFailure(member: Member, error: RpcError): void {
    member.failures++
    member.lastFailure = error.failure
    options.onFailure?.(error)
    // A block not found is the everyday answer of a node slightly behind; it stays in use.
    if (error.failure === 'not-found') return
    // Behind the same address another chain may come up.
    if (error.failure === 'unreachable') member.identified = false
    member.consecutive++
    pause(member)
  }

  function pause(member: Member): void {
    member.asideUntil = Date.now() + Math.min(FIRST_PAUSE_MS * 2 ** (member.consecutive - 1), MAX_PAUSE_MS)
  }

  async function withEndpoint<T>(task: (endpoint: RpcEndpoint) => Promise<T>): Promise<T> {
    const now = Date.now()
    // Those set aside are still tried, last: with a single endpoint there is no other.
    const order = members.toSorted(
      (a, b) =>
        Number(a.asideUntil > now) - Number(b.asideUntil > now) ||
        Math.max(a.distrustedUntil, now) - Math.max(b.distrustedUntil, now),
    )
    let last: unknown
    for (const member of order) {
      try {
        if (!member.identified) {
          await options.identify?.(member.endpoint)
          member.identified = true
        }
        const result = await task(member.endpoint)
        member.consecutive = 0
        member.asideUntil = 0
        return result
      } catch (error) {
        if (!isRpcError(error) || CALLERS_FAULT.includes(error.failure)) throw error
        noteFailure(member, error)
        last = error
      }
    }
    throw last ?? new RpcError('unreachable', options.name, `${options.name}: no endpoint is configured`)
  }

  return {
    withEndpoint,
    request: <T>(method: string, params: readonly unknown[]) =>
      withEndpoint((endpoint) => endpoint.request<T>(method, params)),
    batch: <T extends readonly unknown[]>(calls: readonly RpcCall[]) =>
      withEndpoint((endpoint) => endpoint.batch<T>(calls)),
    distrust(name) {
      const member = members.find(({ endpoint }) => endpoint.name === name)
      if (member === undefined) return
      const forMs = Math.min(FIRST_DISTRUST_MS * 2 ** member.distrusts, MAX_DISTRUST_MS)
      member.distrusts++
      member.distrustedUntil = Date.now() + forMs
    },
    health: () =>
      members.map(({ endpoint, failures, asideUntil, distrusts, distrustedUntil, lastFailure }) => ({
        name: endpoint.name,
        healthy: asideUntil <= Date.now() && distrustedUntil <= Date.now(),
        failures,
        distrusts,
        ...(lastFailure === undefined ? {} : { lastFailure }),
      })),
    async close() {
      await Promise.all(members.map(({ endpoint }) => endpoint.close()))
    },
  }
}
