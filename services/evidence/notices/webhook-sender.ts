import { Webhook as Signer } from 'standardwebhooks'
import { Agent, request } from 'undici'
import { isCountersignError } from '../../../protocol/errors.ts'
import { takeRandomBytes } from '../../../protocol/random.ts'
import { checkTarget, lookUpPublic, needsPublicAddress, type TargetPolicy } from './webhook-targets.ts'

export const ATTEMPT_TIMEOUT_MS = 15_000
/** Of an answer nobody reads. */
const MAX_ANSWER_BYTES = 16 * 1024
const SECRET_BYTES = 32
const TIMEOUTS = ['TimeoutError', 'HeadersTimeoutError', 'BodyTimeoutError', 'ConnectTimeoutError']

/** `reason` says nothing of what was sent or answered. */
export type AttemptOutcome =
  | { outcome: 'delivered' }
  | { outcome: 'failed'; reason: string }
  /** 410: the receiver wants no more. */
  | { outcome: 'gone'; reason: string }

/** A new signing secret as the Standard Webhooks specification writes it. */
export const newWebhookSecret = (): string =>
  `whsec_${Buffer.from(takeRandomBytes(SECRET_BYTES)).toString('base64')}`

/** Makes single attempts, signed by the Standard Webhooks specification, to where the operator allows. */
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
      const now = new Date()
      // Redirects are not followed: a webhook goes where it was pointed at.
      const { statusCode, body: answer } = await request(url.href, {
        method: 'POST',
        dispatcher: needsPublicAddress(url, this.#policy) ? this.#toPublic : this.#toListed,
        signal: AbortSignal.timeout(this.#timeoutMs),
        headersTimeout: this.#timeoutMs,
        bodyTimeout: this.#timeoutMs,
        headers: {
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': new Signer(target.secret).sign(id, now, body),
          'content-type': 'application/json',
          'user-agent': 'countersign-evidence',
        },
        body,
      })
      // The status decides; an answer that is long or never ends is cut.
      await answer.dump({ limit: MAX_ANSWER_BYTES }).catch(() => {})
      if (statusCode === 410) return { outcome: 'gone', reason: 'answered 410 Gone' }
      if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered' }
      return { outcome: 'failed', reason: `answered ${statusCode}` }
    } catch (error) {
      return { outcome: 'failed', reason: this.#reasonOf(error) }
    }
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await Promise.all([this.#toListed.destroy(), this.#toPublic.destroy()])
  }

  /** By kind: an error's own message may carry a URL with what is secret in it. */
  #reasonOf(error: unknown): string {
    if (isCountersignError(error)) return 'the operator does not allow this address'
    const { name, code } = error as { name?: string; code?: string }
    if (name !== undefined && TIMEOUTS.includes(name)) return `no answer within ${this.#timeoutMs} ms`
    return `no connection (${code ?? name ?? 'unknown'})`
  }
}
