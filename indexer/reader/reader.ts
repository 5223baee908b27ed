import type { Logger } from 'pino'
import type { RpcClient } from '../chain/rpc-client.ts'
import { chainConfigs } from '../chain-configs.ts'
import { type Api, composeApi } from '../compose-api.ts'
import type { IndexerConfig } from '../config.ts'
import { createMetrics, type IndexerMetrics } from '../metrics.ts'
import type { RunningIndexer } from '../running-indexer.ts'
import { addViewMetrics } from '../runtime-metrics.ts'
import { serve } from '../serve.ts'
import { openStore } from '../store/open-store.ts'
import { createReaderRpc } from './reader-rpc.ts'
import { ReaderViews } from './reader-views.ts'

/**
 * One of any number that answer from what a writer stores, in its database or a replica of it. Keeps nothing.
 * @throws CONFIGURATION_INVALID on SQLite, STORE_UNAVAILABLE, PORT_TAKEN
 */
export async function startReader(config: IndexerConfig, log: Logger): Promise<RunningIndexer> {
  const store = await openStore(config.database, { mode: 'reader' })
  const configs = chainConfigs(config.addressBook)
  const rpcs = new Map<number, RpcClient>()
  let api: Api | undefined
  let metrics: IndexerMetrics | undefined
  const views = new ReaderViews({
    store,
    configs,
    pollMs: config.readerPollMs,
    log,
    onChange: () => {
      api?.directory.forget()
      api?.feed.wake()
      for (const {
        config: { chainId },
        tip,
        checkpoint,
      } of views.values()) {
        if (tip !== undefined) metrics?.tip(chainId, tip.number, tip.timestamp)
        if (checkpoint !== undefined) metrics?.committed(chainId, checkpoint.number, 0)
      }
    },
  })
  const end = async () => {
    await api?.feed.stop()
    await views.close()
    await Promise.all([...rpcs.values()].map((rpc) => rpc.close()))
    await store.close()
  }
  try {
    api = await composeApi({ config, log, store, views, rpcOf: (chainId) => rpcs.get(chainId)! })
    metrics = createMetrics(api.registry)
    addViewMetrics(api.registry, views)
    for (const chain of configs)
      rpcs.set(
        chain.chainId,
        createReaderRpc(chain, config, metrics!, (chainId) => views.genesisOf.get(chainId)),
      )
    views.start()
    const served = await serve(api.server, config.host, config.port, log)
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
