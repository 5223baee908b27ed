import { toQuantity } from '../../protocol/quantity.ts'
import { type Header, type RawLog, readHeader, readLogs } from './raw-log.ts'
import type { RpcCall, RpcEndpoint } from './rpc-endpoint.ts'
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
  /** Hash of the block before `from`, as the same node has it; undefined for the first block of a chain. */
  parentHash: string | undefined
  logs: RawLog[]
  endpoint: string
}

/** Headers asked for in one request. */
const HEADERS_A_REQUEST = 64
/** An answer for several blocks is given up when it is larger: fewer blocks are asked for instead. */
const MAX_RANGE_BYTES = 16 * 1024 * 1024

/** `tag`: `latest`, `finalized` or a quantity. @throws RpcError (not-found) */
export async function readBlockHeader(endpoint: RpcEndpoint, tag: string): Promise<Header> {
  const block = await endpoint.request('eth_getBlockByNumber', [tag, false])
  if (block === null) throw new RpcError('not-found', endpoint.name, `${endpoint.name}: no block ${tag}`)
  return readHeader(block, endpoint.name)
}

/** Headers of consecutive blocks. @throws RpcError (not-found) */
export async function readBlockHeaders(endpoint: RpcEndpoint, from: number, to: number): Promise<Header[]> {
  const headers: Header[] = []
  for (let first = from; first <= to; first += HEADERS_A_REQUEST) {
    const count = Math.min(HEADERS_A_REQUEST, to - first + 1)
    const blocks = await endpoint.batch<unknown[]>(
      Array.from({ length: count }, (_, i) => ({
        method: 'eth_getBlockByNumber',
        params: [toQuantity(first + i), false],
      })),
    )
    for (const [i, block] of blocks.entries()) headers.push(headerAt(block, first + i, endpoint.name))
  }
  return headers
}

/**
 * A block, and in the same request the genesis block that the node must have: another node behind the same address may
 * be of another chain.
 * @throws RpcError (not-found, contradiction)
 */
export async function readBlockOfChain(
  endpoint: RpcEndpoint,
  genesisHash: string,
  number: number,
): Promise<Header> {
  const { name } = endpoint
  const [genesis, block] = await endpoint.batch<[unknown, unknown]>(
    [0, number].map((asked) => ({ method: 'eth_getBlockByNumber', params: [toQuantity(asked), false] })),
  )
  if (headerAt(genesis, 0, name).hash !== genesisHash)
    throw new RpcError('contradiction', name, `${name}: block ${number} comes from another chain`)
  return headerAt(block, number, name)
}

function headerAt(block: unknown, number: number, endpoint: string): Header {
  if (block === null) throw new RpcError('not-found', endpoint, `${endpoint}: no block ${number}`)
  const header = readHeader(block, endpoint)
  if (header.number !== number)
    throw new RpcError(
      'contradiction',
      endpoint,
      `${endpoint}: asked for block ${number}, got ${header.number}`,
    )
  return header
}

/** Logs of each of the blocks, by hash: a node that does not know the block says so instead of answering with nothing. */
export async function readBlockLogs(
  endpoint: RpcEndpoint,
  filter: LogFilter,
  hashes: readonly string[],
): Promise<RawLog[][]> {
  const answers = await endpoint.batch<unknown[]>(
    hashes.map((blockHash) => ({ method: 'eth_getLogs', params: [{ ...filter, blockHash }] })),
    hashes.length > 1 ? MAX_RANGE_BYTES : undefined,
  )
  return answers.map((logs) => readLogs(logs, endpoint.name))
}

/**
 * Blocks with their logs, by hash, all in one request.
 * @param others to be asked with them; their results are `more`
 * @throws RpcError (not-found)
 */
export async function readBlocks(
  endpoint: RpcEndpoint,
  filter: LogFilter,
  hashes: readonly string[],
  others: readonly RpcCall[],
): Promise<{ headers: Header[]; logs: RawLog[][]; more: unknown[] }> {
  const calls = hashes.flatMap((hash): RpcCall[] => [
    { method: 'eth_getBlockByHash', params: [hash, false] },
    { method: 'eth_getLogs', params: [{ ...filter, blockHash: hash }] },
  ])
  const answers = await endpoint.batch<unknown[]>(
    [...calls, ...others],
    hashes.length > 1 ? MAX_RANGE_BYTES : undefined,
  )
  const headers = hashes.map((hash, i) => {
    const block = answers[2 * i]
    if (block === null) throw new RpcError('not-found', endpoint.name, `${endpoint.name}: no block ${hash}`)
    const header = readHeader(block, endpoint.name)
    if (header.hash !== hash)
      throw new RpcError('contradiction', endpoint.name, `${endpoint.name}: another block than asked for`)
    return header
  })
  return {
    headers,
    logs: hashes.map((_, i) => readLogs(answers[2 * i + 1], endpoint.name)),
    more: answers.slice(calls.length),
  }
}

/** @throws RpcError; `range-too-large` with advice, without asking when the endpoint is known to refuse */
export async function readLogRange(
  endpoint: RpcEndpoint,
  filter: LogFilter,
  from: number,
  to: number,
): Promise<LogRange> {
  const { name, limits } = endpoint
  const blocks = to - from + 1
  const maxBlocks = limits.blocks.value
  if (blocks > maxBlocks)
    throw new RpcError('range-too-large', name, `${name}: takes ${maxBlocks} blocks at once`, undefined, {
      maxBlocks,
    })
  try {
    // The last block is asked of the same endpoint: one that lags behind would otherwise answer with less, silently.
    // So is the one before the range: behind one address there may be nodes of several chains.
    const before =
      from === 0 ? [] : [{ method: 'eth_getBlockByNumber', params: [toQuantity(from - 1), false] }]
    const [block, logs, parent] = await endpoint.batch<[unknown, unknown, unknown]>(
      [
        { method: 'eth_getBlockByNumber', params: [toQuantity(to), false] },
        {
          method: 'eth_getLogs',
          params: [{ ...filter, fromBlock: toQuantity(from), toBlock: toQuantity(to) }],
        },
        ...before,
      ],
      blocks > 1 ? MAX_RANGE_BYTES : undefined,
    )
    const parentHash = from === 0 ? undefined : headerAt(parent, from - 1, name).hash
    return {
      from,
      to,
      header: headerAt(block, to, name),
      parentHash,
      logs: readLogs(logs, name),
      endpoint: name,
    }
  } catch (error) {
    if (isRpcError(error, 'range-too-large')) limits.learnRange(blocks, error.advice)
    throw error
  }
}
