import { type CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { type AsideReason, type EndpointHealth, EndpointMember } from './endpoint-health.ts'
import type { EndpointLimits } from './endpoint-limits.ts'
import { createRpcEndpoint, type RpcCall, type RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError, RpcError, type RpcFailure } from './rpc-error.ts'
import type { Omission } from './served-by.ts'

export type { EndpointHealth } from './endpoint-health.ts'

export interface RpcClientOptions {
  /** In order of preference. */
  urls: readonly string[]
  /** Prefix of the endpoints' names in logs and status. */
  name: string
  timeoutMs?: number
  /** Per endpoint; 0: no limit. */
  requestsPerSecond?: number
  maxRangeBlocks?: number
  onFailure?: (error: RpcError) => void
  /** Told how long an endpoint took to answer. */
  onAnswer?: (endpoint: string, seconds: number) => void
  /** An endpoint was set aside for a reason that a person should know: all but `failing` and `rate-limited`. */
  onAside?: (endpoint: string, reason: AsideReason, why: string) => void
  /**
   * Run against an endpoint before its first answer is believed, and again after it was away. Refuses it by throwing: a
   * CountersignError when it answers for another chain.
   */
  identify?: (endpoint: RpcEndpoint) => Promise<void>
}

/** All endpoints of one chain as one: a request goes to the first healthy one and moves on when it fails. */
export interface RpcClient {
  request<T>(method: string, params: readonly unknown[]): Promise<T>
  batch<T extends readonly unknown[]>(calls: readonly RpcCall[]): Promise<T>
  /**
   * Runs `task` against one endpoint only, so that its answers belong together; on failure again against the next.
   * @param avoid endpoints, by name, that are asked only when no other answers
   */
  withEndpoint<T>(task: (endpoint: RpcEndpoint) => Promise<T>, avoid?: ReadonlySet<string>): Promise<T>
  /** Runs `task` against each endpoint at once; those that fail are left out. */
  withEach<T>(task: (endpoint: RpcEndpoint) => Promise<T>): Promise<{ endpoint: string; result: T }[]>
  /**
   * Puts an endpoint last for minutes, however well it answers: it contradicted itself, another, or the chain's own
   * heads. With all endpoints distrusted, the one longest so comes first.
   */
  distrust(endpoint: string, why?: string): void
  /** Logs that it left out or altered, as the chain's heads and another answer showed. */
  noteOmission(endpoint: string, omission: Omission): void
  /** What is known of an endpoint's head; one that is behind is asked last until it is not. */
  noteHead(endpoint: string, head: number, isBehind: boolean): void
  /** Of the endpoint that would be asked now. */
  limits(): EndpointLimits
  health(): EndpointHealth[]
  close(): Promise<void>
}

/** The caller has to ask differently; another endpoint would say the same. */
const CALLERS_FAULT: readonly RpcFailure[] = ['range-too-large']
const OTHER_CHAIN: readonly string[] = ['CHAIN_MISMATCH', 'CHAIN_REPLACED']

export function createRpcClient(options: RpcClientOptions): RpcClient {
  const { name, timeoutMs, requestsPerSecond, maxRangeBlocks } = options
  const members = options.urls.map((url, i) => {
    const endpoint = createRpcEndpoint({
      url,
      name: `${name}#${i}`,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
      ...(maxRangeBlocks === undefined ? {} : { maxRangeBlocks }),
    })
    return new EndpointMember(endpoint)
  })
  const memberOf = (endpoint: string) => members.find((member) => member.endpoint.name === endpoint)

  function noteFailure(member: EndpointMember, error: RpcError): void {
    member.noteFailure(error)
    options.onFailure?.(error)
    if (error.failure === 'contradiction') distrust(member, error.message)
  }

  function distrust(member: EndpointMember, why: string): void {
    member.distrust()
    options.onAside?.(member.endpoint.name, 'distrusted', why)
  }

  async function identify(member: EndpointMember): Promise<void> {
    if (member.identified) return
    await options.identify?.(member.endpoint)
    member.identified = true
    member.isOtherChain = false
  }

  function noteOtherChain(member: EndpointMember, error: unknown): void {
    if (!isCountersignError(error) || !OTHER_CHAIN.includes(error.code)) return
    if (!member.isOtherChain) options.onAside?.(member.endpoint.name, 'other-chain', error.message)
    member.isOtherChain = true
    member.identified = false
  }

  /** Those set aside are still tried, last: with a single endpoint there is no other. */
  function inOrder(): EndpointMember[] {
    const ranked = members.map((member) => ({ member, rank: member.rank() }))
    ranked.sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1])
    return ranked.map(({ member }) => member)
  }

  async function attempt<T>(member: EndpointMember, task: (endpoint: RpcEndpoint) => Promise<T>): Promise<T> {
    const { pausedMs, endpoint } = member
    if (pausedMs > 0)
      throw new RpcError(
        'rate-limited',
        endpoint.name,
        `${endpoint.name}: asked to be left alone for ${Math.ceil(pausedMs / 1000)} s more`,
        undefined,
        { retryAfterMs: pausedMs },
      )
    try {
      await identify(member)
      const from = performance.now()
      const result = await task(endpoint)
      options.onAnswer?.(endpoint.name, (performance.now() - from) / 1000)
      member.noteSuccess()
      return result
    } catch (error) {
      noteOtherChain(member, error)
      if (isRpcError(error) && !CALLERS_FAULT.includes(error.failure)) noteFailure(member, error)
      throw error
    }
  }

  async function withEndpoint<T>(
    task: (endpoint: RpcEndpoint) => Promise<T>,
    avoid?: ReadonlySet<string>,
  ): Promise<T> {
    let last: RpcError | undefined
    let otherChain: CountersignError | undefined
    const isAvoided = ({ endpoint }: EndpointMember) => avoid?.has(endpoint.name) === true
    const ordered = inOrder()
    for (const member of [...ordered.filter((m) => !isAvoided(m)), ...ordered.filter(isAvoided)])
      try {
        return await attempt(member, task)
      } catch (error) {
        // One endpoint on another chain is a fault of it; with none on ours, the chain itself is another.
        if (isCountersignError(error) && member.isOtherChain) otherChain = error
        else if (!isRpcError(error) || CALLERS_FAULT.includes(error.failure)) throw error
        else last = error
      }
    throw last ?? otherChain ?? new RpcError('unreachable', name, `${name}: no endpoint is configured`)
  }

  return {
    withEndpoint,
    request: <T>(method: string, params: readonly unknown[]) =>
      withEndpoint((endpoint) => endpoint.request<T>(method, params)),
    batch: <T extends readonly unknown[]>(calls: readonly RpcCall[]) =>
      withEndpoint((endpoint) => endpoint.batch<T>(calls)),
    async withEach(task) {
      const settled = await Promise.allSettled(members.map((member) => attempt(member, task)))
      return settled.flatMap((outcome, i) =>
        outcome.status === 'fulfilled'
          ? [{ endpoint: members[i]!.endpoint.name, result: outcome.value }]
          : [],
      )
    },
    distrust(endpoint, why = 'the heads of the chain show that it left logs out or altered them') {
      const member = memberOf(endpoint)
      if (member !== undefined) distrust(member, why)
    },
    noteOmission: (endpoint, omission) => memberOf(endpoint)?.noteOmission(omission),
    noteHead(endpoint, head, isBehind) {
      const member = memberOf(endpoint)
      if (member === undefined) return
      if (isBehind && !member.isBehind)
        options.onAside?.(endpoint, 'behind', `${endpoint}: its head is block ${head}`)
      member.head = head
      member.isBehind = isBehind
    },
    limits: () => inOrder()[0]!.endpoint.limits,
    health: () => members.map((member) => member.health()),
    async close() {
      await Promise.all(members.map(({ endpoint }) => endpoint.close()))
    },
  }
}
