import { Counter, Gauge, type Registry } from 'prom-client'
import { endpointTimes } from './runtime-metrics.ts'

/** What the syncs report. Times are seconds, as Prometheus has them. */
export interface IndexerMetrics {
  tip(chainId: number, number: number, timestamp: number): void
  committed(chainId: number, block: number, events: number): void
  reorganised(chainId: number, depth: number): void
  gapFound(chainId: number): void
  repaired(chainId: number, events: number): void
  incomplete(chainId: number, authors: number): void
  logsMissed(chainId: number, endpoint: string): void
  endpointFailed(chainId: number, endpoint: string, failure: string): void
  /** A repair found logs that an endpoint had left out or altered. */
  omitted(chainId: number, endpoint: string, logs: number): void
  /** Seconds that a storage root was computed for, and what came of it: `whole` or `different`. */
  storageRoot(chainId: number, outcome: string, seconds: number): void
  endpointAnswered(chainId: number, endpoint: string, seconds: number): void
  /** An endpoint was set aside: `behind`, `distrusted`, `other-chain`. */
  endpointAside(chainId: number, endpoint: string, reason: string): void
  /** How new heads are learnt of: `websocket` or `polling`. */
  wakeUp(chainId: number, kind: string): void
  stopped(chainId: number, isStopped?: boolean): void
}

export function createMetrics(registry: Registry): IndexerMetrics {
  const registers = [registry]
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `countersign_indexer_${name}`, help, labelNames: ['chain'], registers })
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `countersign_indexer_${name}`, help, labelNames, registers })

  const tipBlock = gauge('tip_block', 'Newest block seen on the chain')
  const block = gauge('block', 'Block up to which the chain is indexed')
  const lagBlocks = gauge('lag_blocks', 'Blocks between the head of the chain and the index')
  const lagSeconds = gauge('lag_seconds', 'Age of the oldest block not yet indexed; 0 when there is none')
  const incomplete = gauge('incomplete_authors', 'Authors whose head differs from the chain')
  const stopped = gauge('stopped', '1 when a chain was stopped and needs a person')
  const events = counter('events_total', 'Events indexed', ['chain'])
  const reorganisations = counter('reorganisations_total', 'Reorganisations followed', ['chain'])
  const orphanedBlocks = counter('orphaned_blocks_total', 'Blocks rolled back', ['chain'])
  const gaps = counter('gaps_total', 'Authors found incomplete', ['chain'])
  const repaired = counter('repaired_events_total', 'Events that a repair brought in or took out', ['chain'])
  const missed = counter('late_logs_total', 'Logs a bloom announced that came only when asked for again', [
    'chain',
    'endpoint',
  ])
  const failures = counter('endpoint_failures_total', 'Failed requests by endpoint and kind', [
    'chain',
    'endpoint',
    'failure',
  ])
  const asides = counter('endpoints_set_aside_total', 'Endpoints set aside, by reason', [
    'chain',
    'endpoint',
    'reason',
  ])
  const omitted = counter('omitted_logs_total', 'Logs that a repair found left out or altered, by endpoint', [
    'chain',
    'endpoint',
  ])
  const storageRoots = counter(
    'storage_root_checks_total',
    'Books held against their storage root on chain',
    ['chain', 'outcome'],
  )
  const storageRootSeconds = gauge('storage_root_seconds', 'How long the last storage root took to compute')
  const webSocket = gauge('websocket', '1 while new heads are announced over WebSocket, 0 while polled for')
  const tips = new Map<number, { number: number; timestamp: number }>()
  const updateLag = (chain: number, indexed: number) => {
    const tip = tips.get(chain)
    if (tip === undefined) return
    lagBlocks.set({ chain }, Math.max(tip.number - indexed, 0))
    lagSeconds.set({ chain }, tip.number > indexed ? Math.max(Date.now() / 1000 - tip.timestamp, 0) : 0)
  }
  const indexed = new Map<number, number>()

  return {
    tip(chain, number, timestamp) {
      tips.set(chain, { number, timestamp })
      tipBlock.set({ chain }, number)
      updateLag(chain, indexed.get(chain) ?? 0)
    },
    committed(chain, number, count) {
      indexed.set(chain, number)
      block.set({ chain }, number)
      events.inc({ chain }, count)
      updateLag(chain, number)
    },
    reorganised(chain, depth) {
      reorganisations.inc({ chain })
      orphanedBlocks.inc({ chain }, depth)
    },
    gapFound: (chain) => gaps.inc({ chain }),
    repaired: (chain, count) => repaired.inc({ chain }, count),
    incomplete: (chain, authors) => incomplete.set({ chain }, authors),
    logsMissed: (chain, endpoint) => missed.inc({ chain, endpoint }),
    endpointFailed: (chain, endpoint, failure) => failures.inc({ chain, endpoint, failure }),
    omitted: (chain, endpoint, logs) => omitted.inc({ chain, endpoint }, logs),
    storageRoot(chain, outcome, seconds) {
      storageRoots.inc({ chain, outcome })
      storageRootSeconds.set({ chain }, seconds)
    },
    endpointAnswered: endpointTimes(registry),
    endpointAside: (chain, endpoint, reason) => asides.inc({ chain, endpoint, reason }),
    wakeUp: (chain, kind) => webSocket.set({ chain }, kind === 'websocket' ? 1 : 0),
    stopped: (chain, isStopped = true) => stopped.set({ chain }, isStopped ? 1 : 0),
  }
}
