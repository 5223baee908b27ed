import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { HttpServer } from '../http/server.ts'
import { addApiRoutes, createApiServer } from './api/server.ts'
import { notReadyReasons } from './api/status.ts'
import type { ChainView } from './chain/chain-view.ts'
import type { RpcClient } from './chain/rpc-client.ts'
import type { IndexerConfig } from './config.ts'
import { createDirectory, type Directory } from './directory.ts'
import { addFeed, type RunningFeed } from './feed/add-feed.ts'
import { addPages } from './pages/add-pages.ts'
import type { StoreReader } from './store/store.ts'
import type { WebhookStore } from './store/webhook-store.ts'

export interface ApiParts {
  config: IndexerConfig
  log: Logger
  store: StoreReader
  /** May still be filled when this is called. */
  views: ReadonlyMap<number, ChainView>
  rpcOf: (chainId: number) => RpcClient
  /** Of a writer. */
  webhooks?: WebhookStore
}

export interface Api {
  server: HttpServer
  registry: Registry
  directory: Directory
  feed: RunningFeed
}

/** The API with everything under it, not listening yet; the same of a writer and of a reader. */
export async function composeApi({ config, log, store, views, rpcOf, webhooks }: ApiParts): Promise<Api> {
  const { server, metrics: registry } = await createApiServer({
    logger: log,
    notReady: () => notReadyReasons(views),
    ratePerMinute: config.ratePerMinute,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
  })
  const directory = createDirectory(config.addressBook, store, (chainId) => views.get(chainId)!)
  addApiRoutes(server, { store, views, directory, rpcOf })
  addPages(server, config.addressBook)
  const feed = addFeed(server, {
    store,
    views,
    directory,
    log,
    registry,
    maxStreams: config.maxStreams,
    ...(webhooks === undefined ? {} : { webhooks }),
    adminToken: config.adminToken,
  })
  return { server, registry, directory, feed }
}
