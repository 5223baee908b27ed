import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Serial } from '../../../protocol/serial.ts'

/**
 * Destroys what is kept of an answer: query, answer, source rows and salt share. Its digest stays on chain and can no longer be
 * linked to anything, by anybody; an audit says `erased`. Freed space is overwritten, also in the write-ahead log.
 * @throws SERIAL_UNKNOWN
 */
export function eraseAnswer(db: DatabaseSync, serial: Serial): 'erased' | 'was-erased' {
  db.exec('PRAGMA secure_delete = ON')
  const { changes } = db
    .prepare(
      `UPDATE answers SET query = NULL, answer = NULL, source_rows = NULL, salt_share = NULL, erased_at = ?
       WHERE serial = ? AND erased_at IS NULL`,
    )
    .run(Math.floor(Date.now() / 1000), serial)
  if (changes === 0) {
    if (db.prepare('SELECT 1 FROM answers WHERE serial = ?').get(serial) === undefined)
      throw new CountersignError('SERIAL_UNKNOWN', `this provider never answered serial ${serial}`)
    return 'was-erased'
  }
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  return 'erased'
}
