import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32, Hex } from '../../../protocol/hex.ts'
import type { Disclosure } from '../../../protocol/receipt.ts'
import type { Serial } from '../../../protocol/serial.ts'

/** What a provider keeps of an answer: enough to give it again, and to make it anew. */
export interface KeptAnswer {
  serial: Serial
  disclosure: Disclosure
  /** Canonical JSON of type, subject and parameters. */
  query: string
  /** Canonical JSON of the result. */
  answer: string
  /** JSON of the rows that the answer was made of, as they stood then. */
  sourceRows: string
  /** Of the declaration by which it was made. */
  declarationId: Bytes32
  saltShare: Bytes32
  digest: Bytes32
  /** Unix seconds. */
  answeredAt: number
  /** Unix seconds; zero in strict mode. */
  recordBy: number
  /** Over the answer statement; null until a strict answer is on chain. */
  signature: Hex | null
}

/** The same as read back: whoever has the file may have put anything in it. */
export interface StoredAnswer {
  serial: Serial
  disclosure: string
  query: string | null
  answer: string | null
  sourceRows: string | null
  declaration: string | null
  saltShare: string | null
  digest: Bytes32
  erasedAt: number | null
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS answers (
    serial TEXT PRIMARY KEY,
    disclosure TEXT NOT NULL,
    query TEXT,
    answer TEXT,
    source_rows TEXT,
    declaration_id TEXT NOT NULL,
    salt_share TEXT,
    digest TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    record_by INTEGER NOT NULL,
    signature TEXT,
    erased_at INTEGER
  ) STRICT;
`

/** The table of answers. Nothing here opens a transaction: the callers do. */
export class AnswerStore {
  readonly #insert: StatementSync
  readonly #sign: StatementSync
  readonly #find: StatementSync

  constructor(db: DatabaseSync) {
    createAnswerTable(db)
    this.#insert = db.prepare(
      `INSERT INTO answers (serial, disclosure, query, answer, source_rows, declaration_id, salt_share, digest,
         answered_at, record_by, signature)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    )
    this.#sign = db.prepare('UPDATE answers SET answered_at = ?, signature = ? WHERE serial = ?')
    this.#find = db.prepare(
      `SELECT serial, disclosure, query, answer, source_rows, salt_share, digest, erased_at, declaration
       FROM answers LEFT JOIN book_declarations USING (declaration_id) WHERE serial = ?`,
    )
  }

  /** @throws SERIAL_ALREADY_ANSWERED */
  add(kept: KeptAnswer): void {
    const { changes } = this.#insert.run(
      kept.serial,
      kept.disclosure,
      kept.query,
      kept.answer,
      kept.sourceRows,
      kept.declarationId,
      kept.saltShare,
      kept.digest,
      kept.answeredAt,
      kept.recordBy,
      kept.signature,
    )
    if (changes === 0)
      throw new CountersignError('SERIAL_ALREADY_ANSWERED', `serial ${kept.serial} was answered before`)
  }

  sign(serial: Serial, answeredAt: number, signature: Hex): void {
    this.#sign.run(answeredAt, signature, serial)
  }

  find(serial: Serial): StoredAnswer | undefined {
    const row = this.#find.get(serial)
    if (row === undefined) return undefined
    return {
      serial,
      disclosure: String(row.disclosure),
      query: row.query as string | null,
      answer: row.answer as string | null,
      sourceRows: row.source_rows as string | null,
      declaration: row.declaration as string | null,
      saltShare: row.salt_share as string | null,
      digest: row.digest as Bytes32,
      erasedAt: row.erased_at as number | null,
    }
  }
}

const createAnswerTable = (db: DatabaseSync): void => db.exec(SCHEMA)
