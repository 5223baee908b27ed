import { Counter, Gauge, type Registry } from 'prom-client'
import type { BookWriterStatus } from '../party/book-writer/book-writer.ts'

/** What an evidence server counts. Labels are enumerations; nothing that says whose evidence it is. */
export interface EvidenceMetrics {
  uploads: Counter<'outcome'>
  bytes: Counter
}

export function createEvidenceMetrics(
  registry: Registry,
  status: () => BookWriterStatus,
  countEvidence: () => number,
): EvidenceMetrics {
  const registers = [registry]
  new Gauge({
    name: 'countersign_outbox_entries',
    help: 'Credentials and revocations that are not final on chain yet, by state',
    labelNames: ['state'],
    registers,
    collect() {
      const { isChainUsable: _isChainUsable, ...counts } = status()
      for (const [state, count] of Object.entries(counts)) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'countersign_evidence_documents',
    help: 'Credentials ever issued',
    registers,
    collect() {
      this.set(countEvidence())
    },
  })
  return {
    uploads: new Counter({
      name: 'countersign_evidence_uploads_total',
      help: 'Evidence handed in, by what became of it',
      labelNames: ['outcome'],
      registers,
    }),
    bytes: new Counter({
      name: 'countersign_evidence_received_bytes_total',
      help: 'Bytes of contents that were received whole',
      registers,
    }),
  }
}
