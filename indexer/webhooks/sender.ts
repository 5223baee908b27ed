import type { Agent } from 'undici'
import { ATTEMPT_TIMEOUT_MS, type AttemptOutcome, attemptDelivery } from '../../http/webhooks/attempt.ts'

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
      const { Agent } = await import('undici')
      agent ??= new Agent({
        connections: 16,
        pipelining: 1,
        keepAliveTimeout: 10_000,
        connect: { timeout: timeoutMs },
      })
      if (isClosed) void agent.destroy()
      const userAgent = 'countersign-indexer'
      return attemptDelivery({ url, secret, id, body, dispatcher: agent, userAgent, timeoutMs })
    },
    async close() {
      isClosed = true
      await agent?.destroy()
    },
  }
}
