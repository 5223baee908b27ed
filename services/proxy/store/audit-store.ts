import type { DatabaseSync } from 'node:sqlite'
import type { AuditReport } from '../../../protocol/audit-report.ts'
import type { Address } from '../../../protocol/hex.ts'
import type { Serial } from '../../../protocol/serial.ts'

/** Every audit report ever made, byte for byte as it was handed out. */
export class AuditStore {
  readonly #insert
  readonly #findLatest

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      'INSERT INTO audits (serial, provider, verdict, audited_at, report) VALUES (?, ?, ?, ?, ?)',
    )
    this.#findLatest = database.prepare(
      'SELECT report FROM audits WHERE serial = ? AND provider = ? ORDER BY id DESC LIMIT 1',
    )
  }

  /** Returns the id of the stored report. @param file the bytes of the report's file */
  insert({ serial, provider, verdict, auditedAt }: AuditReport, file: string): number {
    const { lastInsertRowid } = this.#insert.run(serial, provider, verdict, auditedAt * 1000, file)
    return Number(lastInsertRowid)
  }

  findLatest(serial: Serial, provider: Address): string | undefined {
    return this.#findLatest.get(serial, provider)?.report as string | undefined
  }
}
