import type { Logger } from 'pino'
import { ulid } from 'ulid'
import type { AttemptOutcome } from '../../http/webhooks/attempt.ts'
import { newWebhookSecret } from '../../http/webhooks/signing.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Feed } from '../feed/feed.ts'
import { type Delivery, encodeFeedCursor } from '../feed/feed-cursor.ts'
import type { FeedFilter } from '../feed/feed-filter.ts'
import type { DeliveryRow, WebhookRow, WebhookStore } from '../store/webhook-store.ts'
import { createSender } from './sender.ts'
import { Settlements } from './settlements.ts'
import { WebhookWorker, type WorkerMetrics, type WorkerState } from './webhook-worker.ts'

export const MAX_WEBHOOKS = 50
/** Attempts of all webhooks together, beyond the one that each may always have. */
const SHARED_SLOTS = 32
const STOP_GRACE_MS = 1_000

export interface WebhookDeliveryDeps {
  store: WebhookStore
  feed: Feed
  metrics: WorkerMetrics
  log: Logger
  /** Default: as the Standard Webhooks specification advises. */
  retryPausesMs?: readonly number[]
  /** Of one attempt. Default 15 s. */
  timeoutMs?: number
}

export interface NewWebhook {
  url: string
  deliver: Delivery
  filter: FeedFilter
  startAt: 'now' | 'beginning'
}

export type WebhookWithState = WebhookRow & WorkerState

/** The webhooks of the one writer, and their delivery. */
export interface WebhookDelivery {
  start(): void
  /** Webhooks that are delivered to, and what is pending for all of them. */
  counts(): { webhooks: number; pending: number }
  create(webhook: NewWebhook): Promise<WebhookRow>
  list(): Promise<WebhookWithState[]>
  /** @throws WEBHOOK_UNKNOWN */
  get(id: string): Promise<WebhookWithState>
  /** With everything that was still to be delivered. @throws WEBHOOK_UNKNOWN */
  remove(id: string): Promise<void>
  /** One attempt, now. @throws WEBHOOK_UNKNOWN */
  ping(id: string): Promise<AttemptOutcome>
  /** Newest first. @throws WEBHOOK_UNKNOWN */
  deadLetters(id: string, limit: number): Promise<DeliveryRow[]>
  /** @throws WEBHOOK_UNKNOWN, WEBHOOK_DELIVERY_UNKNOWN */
  redeliver(id: string, eventId: string): Promise<void>
  stop(): Promise<void>
}

/** The webhooks of the store, each delivered to from where it was left, once started. */
export function createWebhookDelivery(deps: WebhookDeliveryDeps): WebhookDelivery {
  const { store, feed, log, retryPausesMs } = deps
  const sender = createSender(deps.timeoutMs)
  const settlements = new Settlements(store, log)
  const slots = { underWay: 0, shared: SHARED_SLOTS }
  const workers = new Map<string, WebhookWorker>()
  let isStopped = false

  function work(row: WebhookRow): void {
    if (row.disabledAt !== null || isStopped) return
    const worker = new WebhookWorker(row, {
      ...deps,
      sender,
      settlements,
      slots,
      ...(retryPausesMs && { pausesMs: retryPausesMs }),
    })
    workers.set(row.id, worker)
    worker.start()
  }

  /** A store that is away for a while at the start is asked again. */
  async function load(): Promise<void> {
    while (!isStopped) {
      try {
        for (const row of await store.listWebhooks()) if (!workers.has(row.id)) work(row)
        return
      } catch (error) {
        log.warn({ err: error }, 'webhooks could not be read')
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
    }
  }
  let loading: Promise<void> | undefined

  const find = async (id: string): Promise<WebhookRow> => {
    const row = await store.findWebhook(id)
    if (row === undefined) throw new CountersignError('WEBHOOK_UNKNOWN', `there is no webhook ${id}`)
    return row
  }
  const withState = (row: WebhookRow): WebhookWithState => ({
    ...row,
    ...(workers.get(row.id)?.state ?? { pending: 0, lastDeliveredAt: null, lastError: null }),
  })

  return {
    start() {
      loading ??= load()
    },
    counts() {
      const states = [...workers.values()].filter(({ isDisabled }) => !isDisabled).map(({ state }) => state)
      return { webhooks: states.length, pending: states.reduce((sum, { pending }) => sum + pending, 0) }
    },
    async create({ url, deliver, filter, startAt }) {
      await loading
      if ((await store.listWebhooks()).length >= MAX_WEBHOOKS)
        throw new CountersignError('WEBHOOKS_EXHAUSTED', `there are ${MAX_WEBHOOKS} webhooks`)
      const row: WebhookRow = {
        id: ulid(),
        url,
        secret: newWebhookSecret(),
        deliver,
        filter,
        cursor: encodeFeedCursor(await feed.begin(deliver, startAt)),
        createdAt: Date.now(),
        disabledAt: null,
      }
      await store.createWebhook(row)
      work(row)
      return row
    },
    list: async () => (await store.listWebhooks()).map(withState),
    get: async (id) => withState(await find(id)),
    async remove(id) {
      // First from the store: while it is listed, it is delivered to.
      const isThere = await store.deleteWebhook(id)
      const worker = workers.get(id)
      workers.delete(id)
      await worker?.stop(0)
      if (!isThere) throw new CountersignError('WEBHOOK_UNKNOWN', `there is no webhook ${id}`)
    },
    async ping(id) {
      const row = await find(id)
      const ping = {
        id: `ping-${ulid()}`,
        type: 'ping',
        timestamp: new Date().toISOString(),
        data: { webhook: id },
      }
      return sender.send(row, ping.id, JSON.stringify(ping))
    },
    async deadLetters(id, limit) {
      await find(id)
      return store.listDeliveries(id, 'dead', limit)
    },
    async redeliver(id, eventId) {
      await find(id)
      if (!(await store.requeueDelivery(id, eventId)))
        throw new CountersignError('WEBHOOK_DELIVERY_UNKNOWN', `webhook ${id} has no such dead letter`)
      await workers.get(id)?.reload()
    },
    async stop() {
      isStopped = true
      await loading
      await Promise.all([...workers.values()].map((worker) => worker.stop(STOP_GRACE_MS)))
      await sender.close()
      await settlements.close()
    },
  }
}
