import type { RpcAdvice, RpcFailure } from './rpc-error.ts'

/** The error object of a JSON-RPC answer, as servers fill it in. */
export interface RawRpcError {
  code?: unknown
  message?: unknown
  data?: unknown
}

/** Nodes and services word one limit in many ways; the codes differ as much. The first that fits counts. */
const WORDINGS: readonly [RpcFailure, RegExp][] = [
  [
    'batch-too-large',
    /\bbatch(?:ed|es)?\b.*(?:limit|too (?:large|big|many)|exceed|more than|not (?:allowed|supported|enabled)|unsupported|disabled|maximum)|(?:limit|too (?:large|big|many)|exceed\w*|more than|maximum).*\bbatch/i,
  ],
  [
    'rate-limited',
    /rate[ -]?limit|too many requests|request (?:limit|rate|count)|requests? (?:per|a) second|calls per second|throttl|capacity exceeded|exceeded .{0,40}(?:capacity|quota)|compute units/i,
  ],
  ['not-found', /beyond current head|range extends beyond|(?:to|from)Block .{0,30}(?:future|head)/i],
  [
    'range-too-large',
    /range|too many (?:logs|results|blocks)|more than [\d,]+|max(?:imum)? (?:results|logs|blocks)|max is \d|response (?:size|is too)|too (?:large|big)|query (?:timeout|returned|exceeds)|limit(?:ed)? (?:to|exceeded)|exceeds (?:the )?(?:max|limit)|10,?000/i,
  ],
  [
    'not-found',
    /not found|unknown block|missing (?:block|header|trie node)|header for hash|beyond|not available|pruned/i,
  ],
]

/** Sorts an error answer by what one can do about it. */
export function failureOf(error: RawRpcError): RpcFailure {
  if (error.code === 429) return 'rate-limited'
  // The method is not known, however much it says of what does not exist or is not available.
  if (error.code === -32601) return 'refused'
  const text = textOf(error)
  for (const [failure, wording] of WORDINGS) if (wording.test(text)) return failure
  return 'refused'
}

/** What the error answer says would have been right. Believed only as far as it is plausible. */
export function adviceOf(error: RawRpcError, failure: RpcFailure): RpcAdvice {
  const text = textOf(error)
  if (failure === 'range-too-large')
    return { ...maxBlocksOf(text), ...maxLogsOf(text), ...toBlockOf(error, text) }
  if (failure === 'batch-too-large') return maxBatchOf(text)
  if (failure === 'rate-limited') return pauseOf(error)
  return {}
}

const COUNT = String.raw`(\d[\d,_]*)\s?(k\b|m\b)?`
/** Limits on results are worded alike; they say nothing of the number of blocks. */
const NOT_RESULTS = String.raw`(?!\d|[,_]\d|\s*(?:results|logs|events|bytes|KB|MB))`
const MAX_BLOCKS: readonly RegExp[] = [
  // "eth_getLogs is limited to a 10,000 range", "limited to 0 - 1000 blocks range", "range is limited to 10 blocks"
  `limited to (?:an? )?(?:0 ?- ?)?${COUNT}${NOT_RESULTS}`,
  // "up to a 500 block range"
  `up to (?:an? )?${COUNT} ?-?blocks?`,
  // "exceed maximum block range: 5000", "query exceeds max block range 100000"
  `max(?:imum)?(?: allowed)? (?:block )?range(?: (?:is|of|allowed))*:? ?${COUNT}${NOT_RESULTS}`,
  // "maximum is set to 2048", "maximum allowed is 1000 blocks", "max is 1k blocks"
  `max(?:imum)?(?: allowed)?(?: is)?(?: set to)?:? ${COUNT}${NOT_RESULTS}`,
  // "range 1000000 exceeds limit of 10000", "block span 5001 exceeds the limit 5000"
  String.raw`(?:range|span|distance)\b.{0,60}exceeds?(?: the)? (?:limit|maximum|max)(?: of)? ${COUNT}${NOT_RESULTS}`,
  // "range 9009594 is bigger than range limit 2000"
  `range limit:?(?: of| is)? ${COUNT}${NOT_RESULTS}`,
  // "ranges over 10000 blocks are not supported on freetier", "cannot get logs over more than 413 blocks"
  `(?:ranges? over|more than) ${COUNT} blocks`,
].map((source) => new RegExp(source, 'i'))
const PLAUSIBLE_BLOCKS = 10_000_000

function maxBlocksOf(text: string): RpcAdvice {
  // "up to a 2K block range and no limit on the response size": more blocks with fewer logs are fine there.
  if (/response size/i.test(text)) return {}
  for (const wording of MAX_BLOCKS) {
    const maxBlocks = numberOf(wording.exec(text))
    if (maxBlocks >= 1 && maxBlocks <= PLAUSIBLE_BLOCKS) return { maxBlocks }
  }
  return BLOCK_LIMIT.test(text) ? { isBlockLimit: true } : {}
}

const BLOCK_LIMIT =
  /(?:block|requested) range (?:is )?too|range (?:is )?too (?:large|wide|big)|too many blocks/i

const MAX_LOGS = new RegExp(
  String.raw`(?:more than|max(?:imum)?(?: of)?|cap of|limit of|max(?:imum)? (?:results|logs):?) ${COUNT}(?:\s*(?:results|logs|events))?`,
  'i',
)

function maxLogsOf(text: string): RpcAdvice {
  if (!/results|logs (?:matched|returned|over)|events|logs in/i.test(text)) return {}
  const maxLogs = numberOf(MAX_LOGS.exec(text))
  return maxLogs >= 1 && maxLogs <= PLAUSIBLE_BLOCKS ? { maxLogs } : {}
}

function numberOf(match: RegExpExecArray | null): number {
  const unit = { k: 1_000, m: 1_000_000 }[match?.[2]?.toLowerCase() ?? ''] ?? 1
  return Number(match?.[1]?.replace(/[,_]/g, '')) * unit
}

function toBlockOf({ data }: RawRpcError, text: string): RpcAdvice {
  const stated = (data as { to?: unknown } | undefined)?.to
  const match =
    /\[\s*0x[0-9a-f]{1,13}\s*,\s*(0x[0-9a-f]{1,13})\s*\]/i.exec(text) ??
    /retry with the range \d{1,15}\s*-\s*(\d{1,15})/i.exec(text)
  const toBlock = Number(match?.[1] ?? (typeof stated === 'string' ? stated : Number.NaN))
  return Number.isSafeInteger(toBlock) ? { toBlock } : {}
}

function maxBatchOf(text: string): RpcAdvice {
  if (/not (?:allowed|supported|enabled)|unsupported|disabled/i.test(text) && !/\d/.test(text))
    return { maxBatch: 1 }
  // "batch limit 100 exceeded: 142 requests given", "Batch of more than 3 requests are not allowed", "max limit of 50"
  const match = /(?:limit|more than|max(?:imum)?)[^\d]{0,30}(\d{1,5})/i.exec(text)
  const maxBatch = Number(match?.[1])
  return maxBatch >= 1 ? { maxBatch } : {}
}

function pauseOf({ data }: RawRpcError): RpcAdvice {
  const { rate, retry_after } = (data ?? {}) as {
    rate?: { backoff_seconds?: unknown }
    retry_after?: unknown
  }
  const seconds = Number(rate?.backoff_seconds ?? retry_after)
  return seconds > 0 ? { retryAfterMs: boundedPause(seconds * 1000) } : {}
}

const MAX_PAUSE_MS = 300_000
const boundedPause = (ms: number): number => Math.min(ms, MAX_PAUSE_MS)

/** Value of the HTTP header `retry-after` in milliseconds: seconds, or a date. At most five minutes. */
export function retryAfterMs(header: unknown): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d+(?:\.\d+)?$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return ms > 0 ? boundedPause(ms) : undefined
}

/** Some say what matters in `data` behind a message that says "invalid params" only. */
function textOf({ message, data }: RawRpcError): string {
  const extra =
    typeof data === 'string' ? data : data === undefined || data === null ? '' : JSON.stringify(data)
  return `${String(message ?? '')} ${extra}`.slice(0, 1_000)
}
