import { Counter, Gauge, type Registry } from 'prom-client'
import type { BookWriterStatus } from '../party/book-writer/book-writer.ts'

export interface OfficeMetrics {
  payments: Counter<'outcome'>
}

export function createOfficeMetrics(registry: Registry, status: () => BookWriterStatus): OfficeMetrics {
  const registers = [registry]
  new Gauge({
    name: 'countersign_outbox_entries',
    help: 'Payments that are not final on chain yet, by state',
    labelNames: ['state'],
    registers,
    collect() {
      const { isChainUsable: _isChainUsable, overdue: _overdue, ...counts } = status()
      for (const [state, count] of Object.entries(counts)) this.set({ state }, count)
    },
  })
  return {
    payments: new Counter({
      name: 'countersign_tax_office_payments_total',
      help: 'Payments handed in, by what became of them',
      labelNames: ['outcome'],
      registers,
    }),
  }
}
