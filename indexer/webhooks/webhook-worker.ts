import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { nextAttemptAt, RETRY_PAUSES_MS } from '../../http/webhooks/retry-schedule.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import { Bell } from '../feed/bell.ts'
import type { Feed } from '../feed/feed.ts'
import { decodeFeedCursor, encodeFeedCursor, type FeedCursor } from '../feed/feed-cursor.ts'
import { type FeedFilter, matcherOf } from '../feed/feed-filter.ts'
import type { WebhookRow, WebhookStore } from '../store/webhook-store.ts'
import { PendingDeliveries, type PendingDelivery } from './pending-deliveries.ts'
import type { Sender } from './sender.ts'
import type { Settlements } from './settlements.ts'

/** Deliveries of one webhook that are kept beside each other; above it the webhook's cursor waits. A page may come on top. */
const MAX_PENDING = 300
/** Attempts of one webhook at a time; one, while its last attempt failed. */
const CONCURRENCY = 4
/** A cursor that only passed over events of no interest is written so often. */
const SAVE_CURSOR_MS = 60_000
const LOOK_AGAIN_MS = 60_000
const MAX_PAUSE_MS = 30_000

/** Attempts of all webhooks together. Each may always have one. */
export interface Slots {
  underWay: number
  readonly shared: number
}

export interface WorkerMetrics {
  webhookAttempt(outcome: 'delivered' | 'failed' | 'dead' | 'gone'): void
}

export interface WorkerDeps {
  feed: Feed
  store: WebhookStore
  sender: Sender
  settlements: Settlements
  slots: Slots
  metrics: WorkerMetrics
  log: Logger
  pausesMs?: readonly number[]
}

/** What is known of a webhook beside what the store keeps. */
export interface WorkerState {
  pending: number
  /** Unix milliseconds, since this process runs. */
  lastDeliveredAt: number | null
  lastError: string | null
}

/** Turns the feed into deliveries of one webhook, and makes them. */
export class WebhookWorker {
  readonly #row: WebhookRow
  readonly #deps: WorkerDeps
  readonly #abort = new AbortController()
  readonly #pending = new PendingDeliveries()
  readonly #attempts = new Set<Promise<void>>()
  #running: Promise<unknown> | undefined
  readonly #bell = new Bell()
  #isFailing = false
  #isDisabled = false
  #lastDeliveredAt: number | null = null
  #lastError: string | null = null

  constructor(row: WebhookRow, deps: WorkerDeps) {
    this.#row = row
    this.#deps = { ...deps, log: deps.log.child({ webhook: row.id, host: new URL(row.url).host }) }
  }

  get state(): WorkerState {
    return {
      pending: this.#pending.size,
      lastDeliveredAt: this.#lastDeliveredAt,
      lastError: this.#lastError,
    }
  }

  /** It was given up while this process runs. */
  get isDisabled(): boolean {
    return this.#isDisabled
  }

  start(): void {
    this.#running ??= this.#untilStopped(() => this.reload()).then(() =>
      Promise.all([this.#untilStopped(() => this.#fill()), this.#deliver()]),
    )
  }

  /** Takes up what the store has of it: after a start, and when a dead letter is to be sent again. */
  async reload(): Promise<void> {
    const rows = await this.#deps.store.listDeliveries(this.#row.id, 'pending', 10 * MAX_PENDING)
    for (const row of rows.reverse()) this.#pending.add(row)
    this.#bell.ring()
  }

  /** Ends it; attempts under way may end until `graceMs` is over. */
  async stop(graceMs: number): Promise<void> {
    this.#abort.abort()
    this.#bell.ring()
    await this.#running
    await Promise.race([Promise.all(this.#attempts), sleep(graceMs, undefined, { ref: false })])
  }

  /** Again and again until it ends by itself: a store may be away for a while. */
  async #untilStopped(work: () => Promise<void>): Promise<void> {
    const { log } = this.#deps
    const { signal } = this.#abort
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        return await work()
      } catch (error) {
        if (isCountersignError(error, 'FEED_EXPIRED') || isCountersignError(error, 'CURSOR_INVALID'))
          return this.#disable(error.message)
        log.warn({ err: error }, 'webhook cannot go on for now')
        await sleep(Math.min(1_000 * 2 ** failures, MAX_PAUSE_MS), undefined, { signal }).catch(() => {})
      }
    }
  }

  async #fill(): Promise<void> {
    const { feed, store } = this.#deps
    const { signal } = this.#abort
    const matches = matcherOf(this.#row.filter as FeedFilter)
    let cursor: FeedCursor = decodeFeedCursor(this.#row.cursor as string)
    let savedAt = Date.now()
    while (!signal.aborted) {
      const { tick } = feed
      if (this.#pending.size >= MAX_PENDING) {
        // Every delivery that is settled rings.
        await this.#bell.wait(LOOK_AGAIN_MS, signal)
        continue
      }
      const page = await feed.page(cursor)
      const deliveries = page.entries
        .filter(matches)
        .map(({ document, json }) => ({ eventId: document.id, body: json }))
      if (deliveries.length > 0 || Date.now() - savedAt > SAVE_CURSOR_MS) {
        const text = encodeFeedCursor(page.next)
        if (!(await store.enqueueDeliveries(this.#row.id, text, deliveries))) return this.#abort.abort()
        this.#row.cursor = text
        savedAt = Date.now()
        const now = Date.now()
        for (const delivery of deliveries) this.#pending.add({ ...delivery, attempts: 0, nextAttemptAt: now })
        this.#bell.ring()
      }
      cursor = page.next
      if (page.isEnd) await feed.changed(tick, LOOK_AGAIN_MS, signal)
    }
  }

  async #deliver(): Promise<void> {
    const { slots } = this.#deps
    const { signal } = this.#abort
    while (!signal.aborted) {
      const isFree =
        this.#attempts.size === 0 ||
        (!this.#isFailing && this.#attempts.size < CONCURRENCY && slots.underWay < slots.shared)
      const now = Date.now()
      const delivery = isFree ? this.#pending.take(now) : undefined
      if (delivery === undefined) {
        // Without a free place the end of an attempt is waited for, which rings: to look through all pending ones takes long.
        await this.#bell.wait(isFree ? this.#untilDue(now) : LOOK_AGAIN_MS, signal)
        continue
      }
      slots.underWay++
      const attempt = this.#attempt(delivery).finally(() => {
        slots.underWay--
        this.#attempts.delete(attempt)
        this.#bell.ring()
      })
      this.#attempts.add(attempt)
    }
  }

  async #attempt({ eventId, body, attempts }: PendingDelivery): Promise<void> {
    const { sender, settlements, metrics, log, pausesMs = RETRY_PAUSES_MS } = this.#deps
    const webhookId = this.#row.id
    const result = await sender.send(this.#row, eventId, body)
    if (result.outcome === 'delivered') {
      this.#isFailing = false
      this.#lastDeliveredAt = Date.now()
      this.#lastError = null
      metrics.webhookAttempt('delivered')
      this.#pending.remove(eventId)
      return settlements.add({ webhookId, eventId, outcome: 'delivered' })
    }
    // Cut by our own end: nothing is known of the receiver.
    if (this.#abort.signal.aborted && result.status === null) return
    if (!this.#isFailing) log.warn({ eventId, reason: result.reason }, 'webhook delivery failed')
    this.#isFailing = true
    this.#lastError = result.reason
    const retryAt = nextAttemptAt(attempts + 1, Date.now(), pausesMs)
    if (retryAt === undefined && result.outcome === 'failed') {
      metrics.webhookAttempt('dead')
      log.error({ eventId, reason: result.reason }, 'webhook delivery given up')
      this.#pending.remove(eventId)
      return settlements.add({ webhookId, eventId, outcome: { dead: result.reason } })
    }
    metrics.webhookAttempt(result.outcome)
    const next = retryAt ?? Date.now()
    this.#pending.retry(eventId, attempts + 1, next)
    settlements.add({ webhookId, eventId, outcome: { retryAt: next, error: result.reason } })
    if (result.outcome === 'gone') await this.#disable(result.reason)
  }

  async #disable(reason: string): Promise<void> {
    const { store, log } = this.#deps
    this.#lastError = reason
    this.#isDisabled = true
    this.#abort.abort()
    log.error({ reason }, 'webhook disabled')
    await store
      .setWebhookDisabled(this.#row.id, Date.now())
      .catch((error) => log.warn({ err: error }, 'webhook could not be marked as disabled'))
  }

  /** Milliseconds until a delivery is due that may be begun then. @param now when none was: one may have become due since */
  #untilDue(now: number): number {
    const next = this.#pending.nextAt() ?? Number.POSITIVE_INFINITY
    // One that is due already waits for another that is under way, whose end rings.
    return next <= now ? LOOK_AGAIN_MS : Math.min(next - now, LOOK_AGAIN_MS)
  }
}
