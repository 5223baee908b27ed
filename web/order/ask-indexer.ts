import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import {
  type HeadAnswer,
  type HistoryAnswer,
  type OrderAnswer,
  readHeads,
  readOrderAnswer,
} from './order-answer.ts'

export type OrderFinding =
  | ({ outcome: 'found' } & OrderAnswer)
  /** Nothing was found, as of these heads. */
  | { outcome: 'not-found'; heads: HeadAnswer[] }

const TIMEOUT_MS = 15_000

/** Of one order; those past them are shown as far as the first answer has them. */
const OFFICES_AT_MOST = 5

/**
 * What an indexer has of an order. It is asked by the order's key: neither order id nor code is in the request. Where it leaves versions
 * out, it is asked for those of each registered office alone: what others write under the order id takes no room there.
 * @param indexer its URL; "" for the page's own origin
 * @throws INDEXER_UNREACHABLE, RATE_LIMITED
 */
export async function askIndexer(indexer: string, orderKey: Bytes32): Promise<OrderFinding> {
  const url = `${indexer}/v1/payments/${orderKey}`
  const first = await askOnce(url)
  if (first.outcome === 'not-found' || !first.truncated) return first
  const offices = new Set(first.histories.flatMap(({ registered, office }) => (registered ? office : [])))
  const whole: HistoryAnswer[] = []
  for (const office of [...offices].slice(0, OFFICES_AT_MOST)) {
    const own = await askOnce(`${url}?office=${office}`)
    if (own.outcome === 'found') whole.push(...own.histories)
  }
  const histories = first.histories.map(
    (history) => whole.find((other) => placeOf(other) === placeOf(history)) ?? history,
  )
  return { ...first, histories }
}

const placeOf = ({ chainId, registry, office }: HistoryAnswer): string =>
  [chainId, registry, office].join().toLowerCase()

async function askOnce(url: string): Promise<OrderFinding> {
  let status: number
  let json: { code?: string; detail?: string }
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
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
