import type { ChainView } from './chain/chain-view.ts'
import type { StoreReader } from './store/store.ts'

export interface RunningIndexer {
  /** `http://host:port` */
  url: string
  store: StoreReader
  views: ReadonlyMap<number, ChainView>
  /** Ends requests, then what fills the views, then closes the store. */
  stop(): Promise<void>
}
