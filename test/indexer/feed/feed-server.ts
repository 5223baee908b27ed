import { pino } from 'pino'
import { SHARED_SCHEMAS } from '../../../indexer/api/schemas.ts'
import { createApiServer } from '../../../indexer/api/server.ts'
import { type AddFeedOptions, addFeed } from '../../../indexer/feed/add-feed.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { ADMIN_TOKEN, type FeedBed } from './feed-bed.ts'

/** The feed of an indexer on a server of its own, with other limits and times than an indexer's. */
export async function startFeedServer(
  bed: FeedBed,
  indexer: RunningIndexer,
  options: Partial<AddFeedOptions> = {},
): Promise<{ url: string; wake(): void; stop(): Promise<void> }> {
  const log = pino({ level: 'silent' })
  const { server, metrics } = await createApiServer({
    logger: log,
    notReady: () => [],
    ratePerMinute: 0,
    corsOrigins: [],
    trustedProxies: [],
  })
  for (const schema of SHARED_SCHEMAS) server.addSchema(schema)
  const feed = addFeed(server, {
    store: indexer.store,
    views: indexer.views,
    directory: bed.directoryOf(indexer),
    log,
    registry: metrics,
    maxStreams: 1_000,
    webhooks: indexer.store as Store,
    adminToken: ADMIN_TOKEN,
    lookMs: 20,
    ...options,
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  feed.start()
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    await server.close()
    await feed.stop()
  }
  return bed.keep(stop, { url, wake: feed.wake, stop })
}
