import type { Agent } from 'undici'
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

export interface Sender {
  send(target: { url: string; secret: string }, id: string, body: string): Promise<AttemptOutcome>
  /** Cuts what is under way. */
  close(): Promise<void>
}

export function createSender(timeoutMs = ATTEMPT_TIMEOUT_MS): Sender {
  let agent: Agent | undefined
  let isClosed = false
  return {
    async send({ url, secret }, id, body) {
      // Loaded when there is something to send: most indexers have no webhooks.
      const { Agent, request } = await import('undici')
      agent ??= new Agent({
        connections: 16,
        pipelining: 1,
        keepAliveTimeout: 10_000,
        connect: { timeout: timeoutMs },
      })
      if (isClosed) void agent.destroy()
      try {
        // Redirects are not followed: a webhook goes where it was registered for.
        const { statusCode, body: answer } = await request(url, {
          method: 'POST',
          dispatcher: agent,
          signal: AbortSignal.timeout(timeoutMs),
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          headers: {
            ...signedHeaders(secret, id, body),
            'content-type': 'application/json',
            'user-agent': 'countersign-indexer',
          },
          body,
        })
        // The status decides; an answer that is long or never ends is cut.
        await answer.dump({ limit: MAX_ANSWER_BYTES }).catch(() => {})
        if (statusCode === 410) return { outcome: 'gone', status: 410, reason: 'answered 410 Gone' }
        if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered', status: statusCode }
        return { outcome: 'failed', status: statusCode, reason: `answered ${statusCode}` }
      } catch (error) {
        return { outcome: 'failed', status: null, reason: reasonOf(error, timeoutMs) }
      }
    },
    async close() {
      isClosed = true
      await agent?.destroy()
    },
  }
}

const TIMEOUTS = ['TimeoutError', 'HeadersTimeoutError', 'BodyTimeoutError', 'ConnectTimeoutError']

/** By kind: an error's own message may carry a URL with what is secret in it. */
function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, code } = error as { name?: string; code?: string }
  if (name !== undefined && TIMEOUTS.includes(name)) return `no answer within ${timeoutMs} ms`
  return `no connection (${code ?? name ?? 'unknown'})`
}
