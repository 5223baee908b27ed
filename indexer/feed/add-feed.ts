import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { HttpServer } from '../../http/server.ts'
import { addStreamRoute, type StreamRouteDeps } from '../api/stream.ts'
import { addWebhookRoutes } from '../api/webhooks.ts'
import type { WebhookStore } from '../store/webhook-store.ts'
import { createWebhookDelivery, type WebhookDeliveryDeps } from '../webhooks/webhook-delivery.ts'
import { EventSchema } from './event-schemas.ts'
import { createFeed, type FeedOptions } from './feed.ts'
import { createFeedMetrics } from './feed-metrics.ts'

export interface AddFeedOptions extends FeedOptions {
  log: Logger
  registry: Registry
  maxStreams: number
  /** Only the writer delivers. */
  webhooks?: WebhookStore
  adminToken: string | undefined
  /** Other than the defaults, for tests. */
  streams?: Pick<StreamRouteDeps, 'times' | 'stallMs' | 'maxStreamsPerAddress'>
  delivery?: Pick<WebhookDeliveryDeps, 'retryPausesMs' | 'timeoutMs'>
}

export interface RunningFeed {
  /** To be called after each commit, when the views show it. */
  wake(): void
  /** Begins to deliver to webhooks. */
  start(): void
  /** Streams end with the server; this ends the deliveries. To be called before the store is closed. */
  stop(): Promise<void>
}

/** The feed with everything that hands it out: the stream, and webhooks with their management. */
export function addFeed(server: HttpServer, options: AddFeedOptions): RunningFeed {
  const {
    log,
    registry,
    maxStreams,
    webhooks,
    adminToken,
    streams,
    delivery: deliveryOptions,
    ...deps
  } = options
  const feed = createFeed(deps)
  const metrics = createFeedMetrics(registry, () => delivery.counts())
  const delivery = createWebhookDelivery({
    store: webhooks ?? ({} as never),
    feed,
    metrics,
    log,
    ...deliveryOptions,
  })
  server.addSchema(EventSchema)
  addStreamRoute(server, { feed, maxStreams, metrics, ...streams })
  addWebhookRoutes(server, { delivery, adminToken: webhooks === undefined ? undefined : adminToken })
  return {
    wake: feed.wake,
    start() {
      if (webhooks !== undefined) delivery.start()
    },
    async stop() {
      await delivery.stop()
      feed.close()
    },
  }
}
