import type { AddressInfo } from 'node:net'
import { type Logger, pino } from 'pino'
import { listen } from '../http/listen.ts'
import type { AddressBook } from '../protocol/address-book.ts'
import { addApiRoutes, createApiServer } from './api/server.ts'
import { notReadyReasons } from './api/status.ts'
import { type ChainSync, createChainSync } from './chain/chain-sync.ts'
import type { ChainConfig, ChainView } from './chain/chain-view.ts'
import type { IndexerConfig } from './config.ts'
import { createDirectory } from './directory.ts'
import { addFeed, type RunningFeed } from './feed/add-feed.ts'
import { createMetrics } from './metrics.ts'
import { PROJECTIONS } from './projections/projections.ts'
import { openStore } from './store/open-store.ts'
import type { Store } from './store/store.ts'

export interface RunningIndexer {
  /** `http://host:port` */
  url: string
  store: Store
  views: ReadonlyMap<number, ChainView>
  /** Ends requests, then the syncs, then closes the store. */
  stop(): Promise<void>
}

/**
 * Opens the store, follows every chain of the address book, and serves the API.
 * @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER, or the listening socket's own error
 */
export async function startIndexer(
  config: IndexerConfig,
  logger: Logger = pino({ level: config.logLevel }),
): Promise<RunningIndexer> {
  const store = await openStore(config.database, { feedKeepDays: config.feedKeepDays })
  const syncs = new Map<number, ChainSync>()
  const views = new Map<number, ChainView>()
  let feed: RunningFeed | undefined
  try {
    const { server, metrics } = await createApiServer({
      logger,
      notReady: () => notReadyReasons(views),
      ratePerMinute: config.ratePerMinute,
      corsOrigins: config.corsOrigins,
    })
    const directory = createDirectory(config.addressBook, store, (chainId) => views.get(chainId)!)
    const indexerMetrics = createMetrics(metrics)
    for (const chain of chainConfigs(config.addressBook)) {
      const sync = createChainSync({
        config: chain,
        store,
        log: logger,
        metrics: indexerMetrics,
        pollMs: config.pollMs,
        webSocket: config.webSocket,
        rpcRequestsPerSecond: config.rpcRequestsPerSecond,
        maxRangeBlocks: config.maxRangeBlocks,
        completenessCheckMs: config.completenessCheckMs,
        requestTimeoutMs: config.requestTimeoutMs,
        expectedAuthors: directory.expectedAuthors,
        onCommit: ({ config: { chainId } }) => {
          if (chainId === directory.chainId) directory.forget()
          feed?.wake()
        },
      })
      syncs.set(chain.chainId, sync)
      views.set(chain.chainId, sync.view)
    }
    const rpcOf = (chainId: number) => syncs.get(chainId)!.rpc
    addApiRoutes(server, { store, views, directory, rpcOf })
    feed = addFeed(server, {
      store,
      views,
      directory,
      log: logger,
      registry: metrics,
      maxStreams: config.maxStreams,
      webhooks: store,
      adminToken: config.adminToken,
    })

    await listen(server, config.host, config.port)
    const { address, port, family } = server.server.address() as AddressInfo
    for (const sync of syncs.values()) void sync.run()
    feed.start()
    return {
      url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
      store,
      views,
      async stop() {
        await server.close()
        await feed?.stop()
        await Promise.all([...syncs.values()].map((sync) => sync.stop()))
        await store.close()
      },
    }
  } catch (error) {
    await feed?.stop()
    await Promise.all([...syncs.values()].map((sync) => sync.stop()))
    await store.close()
    throw error
  }
}

/** The chains that have contracts this indexer knows. */
function chainConfigs({ chains }: AddressBook): ChainConfig[] {
  return chains
    .map(({ contracts, ...chain }) => ({
      ...chain,
      contracts: Object.entries(contracts)
        .filter(([kind]) => PROJECTIONS.has(kind))
        .map(([kind, { address, startBlock }]) => ({ kind, address, startBlock })),
    }))
    .filter(({ contracts }) => contracts.length > 0)
}
