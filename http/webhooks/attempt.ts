import type { Dispatcher } from 'undici'
import { isCountersignError } from '../../protocol/errors.ts'
import { signedHeaders } from './signing.ts'

export const ATTEMPT_TIMEOUT_MS = 15_000
/** Of an answer nobody reads: past it the connection is not worth keeping. */
const MAX_ANSWER_BYTES = 16 * 1024

export type AttemptOutcome =
  | { outcome: 'delivered'; status: number }
  /** `reason` says nothing of what was sent or answered. */
  | { outcome: 'failed'; status: number | null; reason: string }
  /** 410: the receiver wants no more. */
  | { outcome: 'gone'; status: 410; reason: string }

export interface Attempt {
  url: string
  /** Of the receiver, as the Standard Webhooks specification writes it. */
  secret: string
  /** The same over all attempts. */
  id: string
  body: string
  dispatcher: Dispatcher
  userAgent: string
  timeoutMs: number
}

/** One signed request by the Standard Webhooks specification. Redirects are not followed: a webhook goes where it was pointed at. */
export async function attemptDelivery({
  url,
  secret,
  id,
  body,
  dispatcher,
  userAgent,
  timeoutMs,
}: Attempt): Promise<AttemptOutcome> {
  // Loaded when there is something to send: most indexers have no webhooks.
  const { request } = await import('undici')
  try {
    const { statusCode, body: answer } = await request(url, {
      method: 'POST',
      dispatcher,
      signal: AbortSignal.timeout(timeoutMs),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      headers: {
        ...signedHeaders(secret, id, body),
        'content-type': 'application/json',
        'user-agent': userAgent,
      },
      body,
    })
    // The status decides; an answer that is long or never ends is cut.
    await answer.dump({ limit: MAX_ANSWER_BYTES }).catch(() => {})
    if (statusCode === 410) return { outcome: 'gone', status: 410, reason: 'answered 410 Gone' }
    if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered', status: statusCode }
    return { outcome: 'failed', status: statusCode, reason: `answered ${statusCode}` }
  } catch (error) {
    return failedAttempt(error, timeoutMs)
  }
}

const TIMEOUTS = ['TimeoutError', 'HeadersTimeoutError', 'BodyTimeoutError', 'ConnectTimeoutError']

/** By kind: an error's own message may carry a URL with what is secret in it. */
export function failedAttempt(error: unknown, timeoutMs: number): AttemptOutcome {
  const { name, code } = error as { name?: string; code?: string }
  const reason = isCountersignError(error, 'WEBHOOK_URL_INVALID')
    ? 'the operator does not allow this address'
    : name !== undefined && TIMEOUTS.includes(name)
      ? `no answer within ${timeoutMs} ms`
      : `no connection (${code ?? name ?? 'unknown'})`
  return { outcome: 'failed', status: null, reason }
}
