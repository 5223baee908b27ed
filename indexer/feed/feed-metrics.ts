import { Counter, Gauge, type Registry } from 'prom-client'
import type { StreamClientMetrics } from '../api/stream-clients.ts'
import type { WorkerMetrics } from '../webhooks/webhook-worker.ts'

/** @param webhooks asked when metrics are read */
export function createFeedMetrics(
  registry: Registry,
  webhooks: () => { webhooks: number; pending: number },
): StreamClientMetrics & WorkerMetrics {
  const registers = [registry]
  const name = (rest: string) => `countersign_indexer_${rest}`
  const open = new Gauge({ name: name('streams'), help: 'Live streams that are open', registers })
  const cut = new Counter({
    name: name('streams_cut_total'),
    help: 'Streams cut off because their client did not read',
    registers,
  })
  const attempts = new Counter({
    name: name('webhook_attempts_total'),
    help: 'Attempts to deliver an event, by outcome: delivered, failed (tried again), dead (given up), gone (webhook disabled)',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of ['delivered', 'failed', 'dead', 'gone']) attempts.inc({ outcome }, 0)
  new Gauge({
    name: name('webhooks'),
    help: 'Webhooks that are delivered to',
    registers,
    collect() {
      this.set(webhooks().webhooks)
    },
  })
  new Gauge({
    name: name('webhook_pending'),
    help: 'Deliveries that are under way or wait for another attempt',
    registers,
    collect() {
      this.set(webhooks().pending)
    },
  })
  return {
    streams: (count) => open.set(count),
    streamCut: () => cut.inc(),
    webhookAttempt: (outcome) => attempts.inc({ outcome }),
  }
}
