import type { Logger } from 'pino'
import { nextAttemptAt, RETRY_PAUSES_MS } from '../../../http/webhooks/retry-schedule.ts'
import type { GroupCommit } from '../../party/group-commit.ts'
import { isFailure } from './findings.ts'
import type { WebhookSender } from './webhook-sender.ts'
import type { Delivery, WebhookStore } from './webhook-store.ts'

/** What waited so long behind others is tried once, and not as often as these were. */
const MAX_WAIT_MS = RETRY_PAUSES_MS.reduce((sum, pause) => sum + pause)
/** Attempts at a time, each to another webhook. */
const CONCURRENCY = 8
const LOOK_AGAIN_MS = 60_000

export interface WebhookDeliveryDeps {
  commits: GroupCommit
  webhooks: WebhookStore
  sender: WebhookSender
  logger: Logger
  /** Default {@link RETRY_PAUSES_MS}. */
  retryPausesMs?: readonly number[]
  /** Default: the sum of {@link RETRY_PAUSES_MS}. */
  maxWaitMs?: number
}

/** Sends notices to their clients' webhooks, of each one at a time, in the order in which they were found. */
export class WebhookDelivery {
  readonly #deps: WebhookDeliveryDeps
  readonly #underWay = new Map<number, Promise<void>>()
  /** Number of each client's last attempt: whose turn was longest ago comes first. */
  readonly #turns = new Map<number, number>()
  #attempts = 0
  #timer: NodeJS.Timeout | undefined
  #isRunning = false

  constructor(deps: WebhookDeliveryDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#isRunning = true
    this.wake()
  }

  /** There may be something new to deliver. */
  wake(): void {
    if (this.#isRunning) this.#lookIn(0)
  }

  /** Attempts under way are cut, and made again after the next start. */
  async stop(): Promise<void> {
    this.#isRunning = false
    clearTimeout(this.#timer)
    await this.#deps.sender.close()
    await Promise.all(this.#underWay.values())
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), ms)
    this.#timer.unref()
  }

  #look(): void {
    const { webhooks } = this.#deps
    const now = Date.now()
    const turnOf = ({ client }: Delivery): number => this.#turns.get(client) ?? 0
    for (const delivery of webhooks.due(now).sort((a, b) => turnOf(a) - turnOf(b))) {
      if (this.#underWay.size >= CONCURRENCY) return
      const { client } = delivery
      if (this.#underWay.has(client)) continue
      this.#turns.set(client, ++this.#attempts)
      this.#underWay.set(
        client,
        this.#attempt(delivery).finally(() => this.#underWay.delete(client)),
      )
    }
    // One that is due and under way already is looked for when it ends.
    const next = (webhooks.nextAt() ?? Number.POSITIVE_INFINITY) - now
    this.#lookIn(next <= 0 ? LOOK_AGAIN_MS : Math.min(next, LOOK_AGAIN_MS))
  }

  /** Unix milliseconds; undefined when it is given up. */
  #nextAttemptAt({ attempts, foundAt }: Delivery, now: number): number | undefined {
    const { retryPausesMs = RETRY_PAUSES_MS, maxWaitMs = MAX_WAIT_MS } = this.#deps
    return now - foundAt > maxWaitMs ? undefined : nextAttemptAt(attempts + 1, now, retryPausesMs)
  }

  async #attempt(delivery: Delivery): Promise<void> {
    try {
      await this.#send(delivery)
      // Not before this attempt counts as over.
      setImmediate(() => this.wake())
    } catch (err) {
      this.#deps.logger.error({ err }, 'a webhook delivery could not be written down')
      if (this.#isRunning) this.#lookIn(LOOK_AGAIN_MS)
    }
  }

  async #send(delivery: Delivery): Promise<void> {
    const { commits, webhooks, sender, logger } = this.#deps
    const result = await sender.send(delivery, delivery.noticeId, bodyOf(delivery))
    // Cut by our own end: nothing is known of the receiver.
    if (!this.#isRunning && result.outcome !== 'delivered') return
    const now = Date.now()
    const next = this.#nextAttemptAt(delivery, now)
    await commits.write(() => {
      // Pointed elsewhere in the meantime: what this attempt says is about the former one.
      if (webhooks.find(delivery.client)?.secret !== delivery.secret) return
      if (result.outcome === 'delivered') return webhooks.delivered(delivery)
      if (result.outcome === 'gone') return webhooks.disable(delivery, result.reason, now)
      webhooks.failed(delivery, result.reason, next)
    })
    if (result.outcome === 'delivered') return
    const { client, noticeId, attempts } = delivery
    const isGivenUp = result.outcome === 'gone' || next === undefined
    const fields = { client, noticeId, attempts: attempts + 1, reason: result.reason }
    if (isGivenUp) logger.error(fields, 'webhook delivery given up')
    else if (attempts === 0) logger.warn(fields, 'webhook delivery failed')
  }
}

/** By the Standard Webhooks specification; it names the evidence and says nothing of it. */
const bodyOf = ({ noticeId, credentialId, verdict, foundAt }: Delivery): string =>
  JSON.stringify({
    type: isFailure(verdict) ? 'evidence.failed' : 'evidence.restored',
    timestamp: new Date(foundAt).toISOString(),
    data: { noticeId, credentialId, verdict },
  })
