import type { Logger } from 'pino'
import { type ChainSync, createChainSync } from './chain/chain-sync.ts'
import type { ChainView } from './chain/chain-view.ts'
import { chainConfigs } from './chain-configs.ts'
import { saveChainStates } from './chain-state-saver.ts'
import { type Api, composeApi } from './compose-api.ts'
import type { IndexerConfig } from './config.ts'
import { createMetrics } from './metrics.ts'
import type { RunningIndexer } from './running-indexer.ts'
import { addViewMetrics, timedStore } from './runtime-metrics.ts'
import { serve } from './serve.ts'
import { openStore } from './store/open-store.ts'

/**
 * The one that writes: follows every chain of the address book, answers, and delivers to webhooks.
 * @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER, STORE_UNAVAILABLE, PORT_TAKEN
 */
export async function startWriter(config: IndexerConfig, log: Logger): Promise<RunningIndexer> {
  const store = await openStore(config.database, { mode: 'writer', feedKeepDays: config.feedKeepDays })
  const syncs = new Map<number, ChainSync>()
  const views = new Map<number, ChainView>()
  let api: Api | undefined
  let states: { close(): Promise<void> } | undefined
  /** In the order in which they depend on each other; safe on a start that failed half way. */
  const end = async () => {
    await api?.feed.stop()
    await states?.close()
    // One that does not stop as it should keeps no other from it, nor the store open.
    await Promise.allSettled([...syncs.values()].map((sync) => sync.stop()))
    await store.close()
  }
  try {
    api = await composeApi({
      config,
      log,
      store,
      views,
      rpcOf: (chainId) => syncs.get(chainId)!.rpc,
      webhooks: store,
    })
    const { server, registry, directory, feed } = api
    const metrics = createMetrics(registry)
    const timed = timedStore(store, registry)
    addViewMetrics(registry, views)
    for (const chain of chainConfigs(config.addressBook)) {
      const sync = createChainSync({
        config: chain,
        store: timed,
        log,
        metrics,
        pollMs: config.pollMs,
        webSocket: config.webSocket,
        rpcRequestsPerSecond: config.rpcRequestsPerSecond,
        maxRangeBlocks: config.maxRangeBlocks,
        completenessCheckMs: config.completenessCheckMs,
        storageRootMaxRecords: config.storageRootMaxRecords,
        requestTimeoutMs: config.requestTimeoutMs,
        expectedAuthors: directory.expectedAuthors,
        onCommit: ({ config: { chainId } }) => {
          if (chainId === directory.chainId) directory.forget()
          feed.wake()
        },
      })
      syncs.set(chain.chainId, sync)
      views.set(chain.chainId, sync.view)
    }
    const served = await serve(server, config.host, config.port, log)
    for (const sync of syncs.values()) void sync.run()
    if (store.isShared) states = saveChainStates(store, views, log)
    feed.start()
    return {
      url: served.url,
      store,
      views,
      async stop() {
        await served.close()
        await end()
      },
    }
  } catch (error) {
    await api?.server.close().catch(() => {})
    await end()
    throw error
  }
}
