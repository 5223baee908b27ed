import type { Logger } from 'pino'
import type { IndexerMetrics } from '../metrics.ts'
import type { Store } from '../store/store.ts'
import type { ChainConfig, ChainView } from './chain-view.ts'
import type { RpcClient } from './rpc-client.ts'

/** What the parts of one chain's sync have in common. */
export interface SyncContext {
  config: ChainConfig
  store: Store
  rpc: RpcClient
  view: ChainView
  log: Logger
  metrics: IndexerMetrics
  /** Aborted when the sync is to end. */
  signal: AbortSignal
}
