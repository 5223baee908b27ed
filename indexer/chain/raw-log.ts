import type { Hex } from '../../protocol/hex.ts'
import { RpcError } from './rpc-error.ts'

/** An element of `eth_getLogs` as the node wrote it. */
export interface RawLog {
  address: string
  topics: string[]
  data: string
  blockNumber: string
  blockHash: string
  transactionHash: string
  logIndex: string
  /** Newer nodes say it; otherwise the header is asked. */
  blockTimestamp?: string
  removed?: boolean
}

/** The part of a block header that the indexer reads. */
export interface Header {
  number: number
  hash: Hex
  parentHash: Hex
  /** Unix seconds. */
  timestamp: number
  logsBloom: Hex
  transactionCount: number
}

const HASH = /^0x[0-9a-fA-F]{64}$/

/** @throws RpcError (malformed) */
export function readHeader(block: unknown, endpoint: string): Header {
  const raw = block as Record<string, unknown>
  const text = (name: string, form: RegExp): Hex => {
    const value = raw[name]
    if (typeof value !== 'string' || !form.test(value))
      throw new RpcError('malformed', endpoint, `${endpoint}: block header: ${name} is malformed`)
    return value.toLowerCase() as Hex
  }
  if (typeof block !== 'object' || block === null)
    throw new RpcError('malformed', endpoint, `${endpoint}: a block is not an object`)
  return {
    number: readQuantity(raw.number, 'block number', endpoint),
    hash: text('hash', HASH),
    parentHash: text('parentHash', HASH),
    timestamp: readQuantity(raw.timestamp, 'block timestamp', endpoint),
    logsBloom: text('logsBloom', /^0x[0-9a-fA-F]{512}$/),
    transactionCount: Array.isArray(raw.transactions) ? raw.transactions.length : Number.POSITIVE_INFINITY,
  }
}

/** A JSON-RPC quantity as a number. @throws RpcError (malformed) */
export function readQuantity(value: unknown, what: string, endpoint: string): number {
  const number = typeof value === 'string' && /^0x[0-9a-fA-F]{1,14}$/.test(value) ? Number(value) : -1
  if (!Number.isSafeInteger(number) || number < 0)
    throw new RpcError('malformed', endpoint, `${endpoint}: ${what} is not a quantity`)
  return number
}

/** Bytes of 32-byte data. @throws RpcError (malformed) */
export function readBytes32(text: unknown, what: string, endpoint: string): Buffer {
  if (typeof text === 'string' && text.length === 66) {
    const bytes = Buffer.from(text.slice(2), 'hex')
    // The decoder stops at the first character that is no digit.
    if (bytes.length === 32) return bytes
  }
  throw new RpcError('malformed', endpoint, `${endpoint}: ${what} is not 32 bytes`)
}

/** The array of logs that a node answered, each with the members every log has. @throws RpcError (malformed) */
export function readLogs(value: unknown, endpoint: string): RawLog[] {
  if (!Array.isArray(value)) throw new RpcError('malformed', endpoint, `${endpoint}: logs are not an array`)
  for (const log of value)
    if (
      typeof log !== 'object' ||
      log === null ||
      typeof log.address !== 'string' ||
      !Array.isArray(log.topics) ||
      typeof log.data !== 'string' ||
      typeof log.blockHash !== 'string'
    )
      throw new RpcError('malformed', endpoint, `${endpoint}: a log lacks members`)
  return value
}
