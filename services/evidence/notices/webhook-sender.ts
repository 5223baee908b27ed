import { Agent } from 'undici'
import {
  ATTEMPT_TIMEOUT_MS,
  type AttemptOutcome,
  attemptDelivery,
  failedAttempt,
} from '../../../http/webhooks/attempt.ts'
import { checkTarget, lookUpPublic, needsPublicAddress, type TargetPolicy } from './webhook-targets.ts'

/** Makes single attempts to where the operator allows. */
export class WebhookSender {
  readonly #policy: TargetPolicy
  readonly #timeoutMs: number
  readonly #toListed: Agent
  readonly #toPublic: Agent

  constructor(policy: TargetPolicy, timeoutMs = ATTEMPT_TIMEOUT_MS) {
    this.#policy = policy
    this.#timeoutMs = timeoutMs
    const shared = { connections: 4, pipelining: 1, keepAliveTimeout: 10_000 }
    this.#toListed = new Agent({ ...shared, connect: { timeout: timeoutMs } })
    this.#toPublic = new Agent({ ...shared, connect: { timeout: timeoutMs, lookup: lookUpPublic } })
  }

  /** @param id stays the same over all attempts */
  async send(target: { url: string; secret: string }, id: string, body: string): Promise<AttemptOutcome> {
    try {
      // Again: the operator may have changed what is allowed.
      const url = checkTarget(target.url, this.#policy)
      return await attemptDelivery({
        url: url.href,
        secret: target.secret,
        id,
        body,
        dispatcher: needsPublicAddress(url, this.#policy) ? this.#toPublic : this.#toListed,
        userAgent: 'countersign-evidence',
        timeoutMs: this.#timeoutMs,
      })
    } catch (error) {
      return failedAttempt(error, this.#timeoutMs)
    }
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await Promise.all([this.#toListed.destroy(), this.#toPublic.destroy()])
  }
}
