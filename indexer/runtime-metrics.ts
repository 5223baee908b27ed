import { Gauge, Histogram, type Registry } from 'prom-client'
import type { ChainState, ChainView } from './chain/chain-view.ts'
import type { Store } from './store/store.ts'

const STATES: readonly ChainState[] = ['starting', 'syncing', 'following', 'unreachable', 'stopped']

/** What is read from the views when metrics are asked for; the same of writers and readers. */
export function addViewMetrics(registry: Registry, views: ReadonlyMap<number, ChainView>): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    read: (view: ChainView, set: (labels: Record<string, string>, value: number) => void) => void,
  ) =>
    new Gauge({
      name: `countersign_indexer_${name}`,
      help,
      labelNames: ['chain', ...labelNames],
      registers: [registry],
      collect() {
        // An endpoint or a replica may be gone since.
        this.reset()
        for (const view of views.values())
          read(view, (labels, value) => this.set({ chain: view.config.chainId, ...labels }, value))
      },
    })
  gauge('state', '1 for the state that a chain is in, 0 for the others', ['state'], (view, set) => {
    for (const state of STATES) set({ state }, view.state === state ? 1 : 0)
  })
  gauge('complete', '1 while all heads folded from the index are those on chain', [], (view, set) =>
    set({}, view.completeness === 'complete' ? 1 : 0),
  )
  gauge(
    'endpoint_healthy',
    '1 while an endpoint is asked, 0 while it is set aside',
    ['endpoint'],
    (view, set) => {
      for (const { name, healthy } of view.endpoints()) set({ endpoint: name }, healthy ? 1 : 0)
    },
  )
  gauge('replica_lag_seconds', 'How far the replica that a reader reads is behind', [], (view, set) => {
    const lag = view.replica?.lagSeconds
    if (lag !== undefined && lag !== null) set({}, lag)
  })
}

/** The store with its commits timed. */
export function timedStore(store: Store, registry: Registry): Store {
  const seconds = new Histogram({
    name: 'countersign_indexer_store_commit_seconds',
    help: 'Time of a commit to the store, until it is on disk',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  })
  const timed =
    <Commit>(write: (commit: Commit) => Promise<void>) =>
    async (commit: Commit) => {
      const end = seconds.startTimer()
      await write(commit)
      end()
    }
  return { ...store, commit: timed(store.commit), repair: timed(store.repair) }
}

/** @returns to be told of each answer of an endpoint */
export function endpointTimes(
  registry: Registry,
): (chainId: number, endpoint: string, seconds: number) => void {
  const times = new Histogram({
    name: 'countersign_indexer_endpoint_answer_seconds',
    help: 'Time of an answer of an endpoint, of one request or of several that belong together',
    labelNames: ['chain', 'endpoint'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  return (chain, endpoint, seconds) => times.observe({ chain, endpoint }, seconds)
}
