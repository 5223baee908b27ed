import { setTimeout as sleep } from 'node:timers/promises'
import { type Header, type RawLog, readHeader, readLogs, toQuantity } from './raw-log.ts'
import type { RpcClient } from './rpc-client.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError, RpcError } from './rpc-error.ts'

export interface LogFilter {
  address: readonly string[]
  /** As `eth_getLogs` takes them. */
  topics: readonly (readonly string[] | string | null)[]
}

/** Logs of a range with the header of its last block, from one endpoint in one request. */
export interface LogRange {
  from: number
  to: number
  header: Header
  logs: RawLog[]
  endpoint: string
}

/** `tag`: `latest`, `finalized` or a quantity. @throws RpcError (not-found) */
export async function readBlockHeader(endpoint: RpcEndpoint, tag: string): Promise<Header> {
  const block = await endpoint.request('eth_getBlockByNumber', [tag, false])
  if (block === null) throw new RpcError('not-found', endpoint.name, `${endpoint.name}: no block ${tag}`)
  return readHeader(block, endpoint.name)
}

/** Headers of consecutive blocks, in one request. @throws RpcError (not-found) */
export async function readBlockHeaders(endpoint: RpcEndpoint, from: number, to: number): Promise<Header[]> {
  const calls = Array.from({ length: to - from + 1 }, (_, i) => ({
    method: 'eth_getBlockByNumber',
    params: [toQuantity(from + i), false],
  }))
  const blocks = await endpoint.batch<unknown[]>(calls)
  return blocks.map((block, i) => {
    if (block === null)
      throw new RpcError('not-found', endpoint.name, `${endpoint.name}: no block ${from + i}`)
    return readHeader(block, endpoint.name)
  })
}

/** Logs of each of the blocks, by hash: a node that does not know the block says so instead of answering with nothing. */
export async function readBlockLogs(
  endpoint: RpcEndpoint,
  filter: LogFilter,
  headers: readonly Header[],
): Promise<RawLog[][]> {
  const answers = await endpoint.batch<unknown[]>(
    headers.map(({ hash }) => ({ method: 'eth_getLogs', params: [{ ...filter, blockHash: hash }] })),
  )
  return answers.map((logs) => readLogs(logs, endpoint.name))
}

async function readLogRange(
  endpoint: RpcEndpoint,
  filter: LogFilter,
  from: number,
  to: number,
): Promise<LogRange> {
  // The last block is asked of the same endpoint: one that lags behind would otherwise answer with less, silently.
  const [block, logs] = await endpoint.batch<[unknown, unknown]>([
    { method: 'eth_getBlockByNumber', params: [toQuantity(to), false] },
    { method: 'eth_getLogs', params: [{ ...filter, fromBlock: toQuantity(from), toBlock: toQuantity(to) }] },
  ])
  if (block === null) throw new RpcError('not-found', endpoint.name, `${endpoint.name}: no block ${to}`)
  return {
    from,
    to,
    header: readHeader(block, endpoint.name),
    logs: readLogs(logs, endpoint.name),
    endpoint: endpoint.name,
  }
}

export interface RangeReaderOptions {
  rpc: RpcClient
  filter: LogFilter
  from: number
  to: number
  /** Requests at once. Default 3. */
  inFlight?: number
  signal?: AbortSignal
}

/** Small: nobody knows yet how dense the chain is, and a quiet one is soon read in long strides. */
const FIRST_SPAN = 16
const MAX_SPAN = 100_000
/** About 2 MB of JSON: large enough that a request costs little, small enough that reading overlaps with the node's work. */
const TARGET_LOGS = 2_000
const ATTEMPTS = 4

/** Reads logs in chain order over ranges that adapt to what comes back; a range that is refused as too large is split. */
export async function* readLogRanges(options: RangeReaderOptions): AsyncGenerator<LogRange> {
  const { rpc, filter, to, signal } = options
  const inFlight = options.inFlight ?? 3
  const pending: Promise<LogRange[]>[] = []
  let next = options.from
  let span = FIRST_SPAN

  while (next <= to || pending.length > 0) {
    while (next <= to && pending.length < inFlight) {
      const end = Math.min(next + span - 1, to)
      const ranges = readSplitting(rpc, filter, next, end, signal)
      // It is awaited in its turn; until then a failure must not count as unhandled.
      ranges.catch(() => {})
      pending.push(ranges)
      next = end + 1
    }
    const ranges = await pending.shift()!
    signal?.throwIfAborted()
    span = nextSpan(ranges)
    yield* ranges
  }
}

function nextSpan(ranges: readonly LogRange[]): number {
  const largest = Math.max(...ranges.map(({ from, to }) => to - from + 1))
  const logs = Math.max(...ranges.map((range) => range.logs.length))
  // A range that had to be split says where the endpoint's limit is.
  if (ranges.length > 1) return largest
  const factor = Math.min(Math.max(TARGET_LOGS / Math.max(logs, 1), 0.25), 4)
  return Math.min(Math.max(Math.floor(largest * factor), 1), MAX_SPAN)
}

async function readSplitting(
  rpc: RpcClient,
  filter: LogFilter,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): Promise<LogRange[]> {
  try {
    return [await withRetries(() => rpc.withEndpoint((e) => readLogRange(e, filter, from, to)), signal)]
  } catch (error) {
    if (!isRpcError(error, 'range-too-large') || from === to) throw error
    const middle = Math.floor((from + to) / 2)
    const lower = await readSplitting(rpc, filter, from, middle, signal)
    return [...lower, ...(await readSplitting(rpc, filter, middle + 1, to, signal))]
  }
}

async function withRetries<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      if (!isRpcError(error) || error.failure === 'range-too-large' || attempt === ATTEMPTS) throw error
      await sleep(100 * 2 ** attempt, undefined, signal === undefined ? {} : { signal })
    }
  }
}
