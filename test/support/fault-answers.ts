import { toQuantity } from '../../protocol/quantity.ts'
import { LIMIT_DIALECTS, NOT_FOUND_ERRORS, type RpcErrorObject } from './fault-dialects.ts'
import type { FaultDecisions } from './fault-plan.ts'

export interface RpcRequest {
  id?: unknown
  method: string
  params: unknown[]
}

export interface RpcResponse {
  jsonrpc?: '2.0'
  id?: unknown
  result?: unknown
  error?: RpcErrorObject | undefined
}

type Log = Record<string, unknown> & { blockHash: string; logIndex: string; data: string }

/** Asks the chain behind. */
export type Upstream = (method: string, params: unknown[]) => Promise<RpcResponse>

const keyOf = ({ method, params }: RpcRequest): string => method + JSON.stringify(params)
const numberOf = (quantity: unknown): number => Number(quantity)
const isTag = (value: unknown): boolean => value === 'latest' || value === 'pending' || value === 'safe'

/** Position of the block in the parameters of methods that are asked at a block. */
const BLOCK_PARAMETER: Readonly<Record<string, number>> = {
  eth_call: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getProof: 2,
  eth_getStorageAt: 2,
  eth_getTransactionCount: 1,
}

/** Who answers a request: behind one address there may be several nodes. */
export interface AnsweringNode {
  ask: Upstream
  /** So many blocks behind the head. */
  lag: number
}

/** One call, answered with the faults that strike it; everything else as the chain answers. */
export async function answerWithFaults(
  call: RpcRequest,
  decisions: FaultDecisions,
  { ask, lag }: AnsweringNode,
): Promise<RpcResponse> {
  const key = keyOf(call)
  const refusal = await refusalOf(call, key, decisions, ask)
  if (refusal !== undefined) return refusal
  const answer =
    lag === 0 ? await ask(call.method, call.params) : await answerFromBehind(call, lag, decisions, ask)
  if (answer.error !== undefined) return answer
  if (call.method === 'eth_getLogs' && Array.isArray(answer.result)) {
    const tooMany = limitError(call, answer.result.length, decisions)
    if (tooMany !== undefined) return { error: tooMany }
    answer.result = spoilLogs(answer.result as Log[], key, decisions)
  }
  if (decisions.strikes('wrong-type', key) !== undefined)
    answer.result = spoilTypes(answer.result, decisions.variant('wrong-type', key))
  return answer
}

async function refusalOf(
  call: RpcRequest,
  key: string,
  decisions: FaultDecisions,
  upstream: Upstream,
): Promise<RpcResponse | undefined> {
  const error = call.method === 'eth_getLogs' ? limitError(call, undefined, decisions) : undefined
  if (error !== undefined) return { error }
  if (decisions.planned('block-not-found').length === 0) return undefined
  const latest = (await upstream('eth_getBlockByNumber', ['latest', false])).result as Log | null
  const concernsTip =
    latest !== null && (key.includes(String(latest.hash)) || key.includes(`"${latest.number}"`))
  if (!concernsTip || decisions.strikes('block-not-found', key) === undefined) return undefined
  return notFound(call, decisions.variant('block-not-found', key))
}

/** Before the logs are read: a limit of blocks. After: one of logs, which a single block never breaks. */
function limitError(call: RpcRequest, logs: number | undefined, decisions: FaultDecisions) {
  const { fromBlock, toBlock } = (call.params[0] ?? {}) as Record<string, unknown>
  const [from, to] = [numberOf(fromBlock), numberOf(toBlock)]
  if (!(to > from)) return undefined
  for (const { dialect, limit = 1 } of decisions.planned('range-too-large')) {
    const { limits, error } = LIMIT_DIALECTS[dialect ?? 0]!
    const isBroken = limits === 'blocks' ? to - from + 1 > limit : logs !== undefined && logs > limit
    if (!isBroken) continue
    decisions.struck.set('range-too-large', (decisions.struck.get('range-too-large') ?? 0) + 1)
    return error(limit, from, to)
  }
  return undefined
}

const notFound = ({ method }: RpcRequest, variant: number): RpcResponse =>
  method.startsWith('eth_getBlock')
    ? { result: null }
    : { error: NOT_FOUND_ERRORS[Math.floor(variant * NOT_FOUND_ERRORS.length)]! }

/** As a node answers whose head is `depth` blocks behind: what is newer it does not have. */
async function answerFromBehind(
  call: RpcRequest,
  depth: number,
  decisions: FaultDecisions,
  upstream: Upstream,
): Promise<RpcResponse> {
  const head = Math.max(numberOf((await upstream('eth_blockNumber', [])).result) - depth, 0)
  const headTag = toQuantity(head)
  const params = structuredClone(call.params)
  const isNewer = async (hash: unknown): Promise<boolean> => {
    const block = (await upstream('eth_getBlockByHash', [hash, false])).result as { number: string } | null
    return block === null || numberOf(block.number) > head
  }
  const missing = () => notFound(call, decisions.variant('old-head', keyOf(call)))
  if (call.method === 'eth_blockNumber') return { result: headTag }
  if (call.method === 'eth_getBlockByHash' && (await isNewer(params[0]))) return missing()
  if (call.method === 'eth_getBlockByNumber') {
    if (isTag(params[0])) params[0] = headTag
    else if (numberOf(params[0]) > head) return missing()
  }
  if (call.method === 'eth_getLogs') {
    const filter = params[0] as Record<string, unknown>
    if (filter.blockHash !== undefined && (await isNewer(filter.blockHash))) return missing()
    // The worst of nodes: no error, just fewer logs.
    if (numberOf(filter.fromBlock) > head) return { result: [] }
    if (isTag(filter.toBlock) || numberOf(filter.toBlock) > head) filter.toBlock = headTag
  }
  const at = BLOCK_PARAMETER[call.method]
  if (at !== undefined) {
    const block = params[at] as { blockHash?: string } | string | undefined
    if (typeof block === 'object' && block.blockHash !== undefined && (await isNewer(block.blockHash)))
      return missing()
    if (isTag(block)) params[at] = headTag
    else if (typeof block === 'string' && numberOf(block) > head) return missing()
  }
  return upstream(call.method, params)
}

function spoilLogs(logs: Log[], key: string, decisions: FaultDecisions): Log[] {
  if (logs.length === 0) return logs
  if (decisions.strikes('drop-all-logs', key) !== undefined) return []
  let spoiled = logs.filter(
    ({ blockHash, logIndex }) =>
      decisions.strikes('drop-some-logs', `${blockHash}:${logIndex}`) === undefined,
  )
  const gone = new Set<string>()
  for (const blockHash of new Set(spoiled.map((log) => log.blockHash)))
    if (decisions.strikes('drop-block-logs', blockHash) !== undefined) gone.add(blockHash)
  spoiled = spoiled.filter(({ blockHash }) => !gone.has(blockHash))
  spoiled = spoiled.map((log) =>
    decisions.strikes('alter-log', `${log.blockHash}:${log.logIndex}`) === undefined
      ? log
      : { ...log, data: alteredData(log.data) },
  )
  if (decisions.strikes('duplicate-logs', key) !== undefined)
    spoiled =
      decisions.variant('duplicate-logs', key) < 0.5
        ? [...spoiled, ...spoiled]
        : spoiled.flatMap((log) => [log, log])
  if (decisions.strikes('reorder-logs', key) !== undefined)
    spoiled =
      decisions.variant('reorder-logs', key) < 0.5 ? spoiled.toReversed() : [...spoiled.slice(1), spoiled[0]!]
  return spoiled
}

/** The last digit differs: of a record, that is its digest. */
const alteredData = (data: string): string => data.slice(0, -1) + (data.endsWith('0') ? '1' : '0')

function spoilTypes(result: unknown, variant: number): unknown {
  if (variant < 0.25 || result === null) return null
  if (typeof result === 'string') return variant < 0.5 ? Number(result) : variant < 0.75 ? {} : '0x'
  if (Array.isArray(result)) {
    if (result.length === 0 || variant < 0.5) return {}
    const [first, ...rest] = result as unknown[]
    return [variant < 0.6 ? null : spoilMember(first, variant), ...rest]
  }
  return variant < 0.35 ? [] : spoilMember(result, variant)
}

/** One member is missing, or is a number instead of text. */
function spoilMember(value: unknown, variant: number): unknown {
  if (typeof value !== 'object' || value === null) return 1
  const members = Object.keys(value)
  const name = members[Math.floor(variant * 997) % members.length]!
  const { [name]: spoiled, ...rest } = value as Record<string, unknown>
  return (variant * 100) % 2 < 1 ? rest : { ...rest, [name]: Number(spoiled) || 0 }
}
