import { toQuantity as hex } from '../../protocol/quantity.ts'
/** The error object of a JSON-RPC answer. */
export interface RpcErrorObject {
  code: number
  message: string
  data?: unknown
}

/** How a service words that a range of `eth_getLogs` is too large for it. */
export interface LimitDialect {
  /** Who says it so. */
  service: string
  /** What is limited: the blocks asked for, or the logs answered. */
  limits: 'blocks' | 'logs'
  /** HTTP status of the answer, if not 200. */
  status?: number
  error(limit: number, from: number, to: number): RpcErrorObject
}

const dialect = (
  service: string,
  limits: LimitDialect['limits'],
  code: number,
  message: (limit: number, from: number, to: number) => string,
  more: { status?: number; data?: (limit: number, from: number, to: number) => unknown } = {},
): LimitDialect => ({
  service,
  limits,
  ...(more.status === undefined ? {} : { status: more.status }),
  error: (limit, from, to) => ({
    code,
    message: message(limit, from, to),
    ...(more.data === undefined ? {} : { data: more.data(limit, from, to) }),
  }),
})
const suggested = (limit: number, from: number, to: number) => Math.min(from + limit - 1, to)

/** As real services word it; the codes differ as much as the words. */
export const LIMIT_DIALECTS: readonly LimitDialect[] = [
  dialect(
    'Alchemy',
    'blocks',
    -32600,
    (limit, from, to) =>
      `You can make eth_getLogs requests with up to a ${limit} block range. Based on your parameters, this block range should work: [${hex(from)}, ${hex(suggested(limit, from, to))}]`,
  ),
  dialect(
    'Alchemy, by size',
    'logs',
    -32602,
    (limit, from, to) =>
      `Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size, or you can request any block range with a cap of ${limit} logs in the response. Based on your parameters and the response size limit, this block range should work: [${hex(from)}, ${hex(Math.floor((from + to) / 2))}]`,
    { status: 400 },
  ),
  dialect(
    'Infura, by results',
    'logs',
    -32005,
    (limit, from, to) =>
      `query returned more than ${limit} results. Try with this block range [${hex(from)}, ${hex(Math.floor((from + to) / 2))}].`,
    {
      data: (limit, from, to) => ({
        from: hex(from),
        limit,
        to: hex(Math.floor((from + to) / 2)),
      }),
    },
  ),
  dialect(
    'Infura, by blocks',
    'blocks',
    -32602,
    (limit, from, to) => `range ${to - from + 1} exceeds limit of ${limit}`,
  ),
  dialect(
    'QuickNode',
    'blocks',
    -32614,
    (limit) => `eth_getLogs is limited to a ${limit.toLocaleString('en-US')} range`,
    { status: 413 },
  ),
  dialect('PublicNode', 'blocks', -32701, (limit) => `exceed maximum block range: ${limit}`),
  dialect('reth, by blocks', 'blocks', -32602, (limit) => `query exceeds max block range ${limit}`),
  dialect(
    'reth, by results',
    'logs',
    -32602,
    (limit, from, to) =>
      `query exceeds max results ${limit}, retry with the range ${from}-${Math.floor((from + to) / 2)}`,
  ),
  dialect('dRPC', 'blocks', 35, (limit) => `ranges over ${limit} blocks are not supported on freetier`),
  dialect(
    'dRPC, by results',
    'logs',
    -32602,
    (limit) => `query returns too many logs, narrow your filter: ${limit}`,
  ),
  dialect(
    'Chainstack',
    'blocks',
    -32602,
    () =>
      'Block range limit exceeded. See more details at https://docs.chainstack.com/docs/limits#evm-range-limits.',
  ),
  dialect(
    'Cloudflare',
    'blocks',
    -32047,
    (limit) => `Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: ${limit}`,
  ),
  dialect('Ankr', 'blocks', -32600, () => 'block range is too wide'),
  dialect('Besu', 'blocks', -32005, () => 'Requested range exceeds maximum RPC range limit'),
  dialect('Candle', 'blocks', -32600, () => 'block range too high'),
  dialect(
    'Morph',
    'blocks',
    -32000,
    (limit, from, to) =>
      `block range is larger than max block range, block range = ${to - from + 1}, max block range = ${limit}`,
  ),
  dialect('BlockPI', 'blocks', -32602, (limit) => `eth_getLogs is limited to ${limit} block range`),
]

/** How nodes say that they do not have a block: one that is too new for them, or was replaced. */
export const NOT_FOUND_ERRORS: readonly RpcErrorObject[] = [
  { code: -32000, message: 'header not found' },
  { code: -32000, message: 'unknown block' },
  { code: -32001, message: 'Block not found' },
  { code: -32000, message: 'header for hash not found' },
  { code: -39001, message: 'Unknown block' },
  { code: -32602, message: 'block range extends beyond current head block' },
]
