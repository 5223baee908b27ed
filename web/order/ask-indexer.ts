import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { type HeadAnswer, type OrderAnswer, readHeads, readOrderAnswer } from './order-answer.ts'

export type OrderFinding =
  | ({ outcome: 'found' } & OrderAnswer)
  /** Nothing is recorded, as of these heads. */
  | { outcome: 'not-found'; heads: HeadAnswer[] }

const TIMEOUT_MS = 15_000

/**
 * What an indexer has of an order. It is asked by the order's key: neither order id nor code is in the request.
 * @param indexer its URL; "" for the page's own origin
 * @throws INDEXER_UNREACHABLE, RATE_LIMITED
 */
export async function askIndexer(indexer: string, orderKey: Bytes32): Promise<OrderFinding> {
  let status: number
  let json: { code?: string; detail?: string }
  try {
    const response = await fetch(`${indexer}/v1/payments/${orderKey}`, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-cache',
    })
    status = response.status
    json = await response.json()
  } catch (cause) {
    throw new CountersignError('INDEXER_UNREACHABLE', 'the indexer gives no answer', { cause })
  }
  if (status === 200) return { outcome: 'found', ...readOrderAnswer(json) }
  if (status === 404 && json.code === 'PAYMENT_UNKNOWN')
    return { outcome: 'not-found', heads: readHeads(json) }
  if (status === 429) throw new CountersignError('RATE_LIMITED', 'too many requests came from here')
  throw new CountersignError(
    'INDEXER_UNREACHABLE',
    `HTTP status ${status}: ${json.code ?? 'no problem document'}`,
  )
}
