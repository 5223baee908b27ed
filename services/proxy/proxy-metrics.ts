import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { DirectoryState } from '../party/directory.ts'

/** What the proxy counts. Labels are query types, provider addresses and enumerations; nothing a user sent. */
export interface ProxyMetrics {
  queries: Counter<'type'>
  outcomes: Counter<'provider' | 'outcome'>
  providerSeconds: Histogram<'provider'>
  verdicts: Counter<'provider' | 'verdict'>
}

export function createProxyMetrics(registry: Registry, directoryState: () => DirectoryState): ProxyMetrics {
  const registers = [registry]
  new Gauge({
    name: 'countersign_directory_age_seconds',
    help: 'Time since the participant directory was last read; -1 before the first time',
    registers,
    collect() {
      const { readAt } = directoryState()
      this.set(readAt === null ? -1 : (Date.now() - readAt) / 1000)
    },
  })
  return {
    queries: new Counter({
      name: 'countersign_proxy_queries_total',
      help: 'Queries answered, by type',
      labelNames: ['type'],
      registers,
    }),
    outcomes: new Counter({
      name: 'countersign_proxy_outcomes_total',
      help: 'What became of queries, by provider',
      labelNames: ['provider', 'outcome'],
      registers,
    }),
    providerSeconds: new Histogram({
      name: 'countersign_proxy_provider_seconds',
      help: 'Time from sending a query to a provider until its answer was checked',
      labelNames: ['provider'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    verdicts: new Counter({
      name: 'countersign_proxy_verdicts_total',
      help: 'Verdicts of audits, by provider',
      labelNames: ['provider', 'verdict'],
      registers,
    }),
  }
}
