import { DatabaseSync } from 'node:sqlite'
import { type Serial, serialToKey } from '../../protocol/serial.ts'

const BUSY_TIMEOUT_MS = 10_000

/** Opens a provider's database for one use, and closes it however that ends. */
export function withProviderDatabase<T>(
  { databaseFile }: { databaseFile: string },
  use: (database: ProviderDatabase) => T,
): T {
  const database = new ProviderDatabase(databaseFile)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

/**
 * A provider's database in the hands of somebody with write access to it and no respect for it: beside the running server, by plain SQL.
 * Also reads what the demonstration needs to know to check the outcome.
 */
export class ProviderDatabase {
  readonly #db: DatabaseSync

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  }

  close(): void {
    this.#db.close()
  }

  /** Different subjects of the book, at random. */
  someSubjects(count: number): string[] {
    const rows = this.#db
      .prepare(
        `SELECT DISTINCT subject FROM book_rows JOIN book_loads USING (generation)
         WHERE is_current = 1 ORDER BY random() LIMIT ?`,
      )
      .all(count)
    return rows.map(({ subject }) => subject as string)
  }

  serials(): string[] {
    const rows = this.#db.prepare('SELECT serial FROM answers ORDER BY serial').all()
    return rows.map(({ serial }) => serial as string)
  }

  /** Entries that are not on chain yet. */
  pendingCount(): number {
    const row = this.#db
      .prepare("SELECT count(*) AS pending FROM outbox_entries WHERE state IN ('pending', 'submitted')")
      .get()
    return row!.pending as number
  }

  /** Whether the answer's entry has not even been sent to the chain yet. */
  isUnsent(serial: Serial): boolean {
    const row = this.#db
      .prepare('SELECT state FROM outbox_entries WHERE entry_key = ?')
      .get(serialToKey(serial))
    return row?.state === 'pending'
  }

  /** Entries that are on chain. */
  recordedCount(): number {
    const row = this.#db
      .prepare("SELECT count(*) AS recorded FROM outbox_entries WHERE state IN ('recorded', 'final')")
      .get()
    return row!.recorded as number
  }

  /** Changes the stored answer so that it says the opposite of whether the subject was found. */
  alterAnswer(serial: string): void {
    this.#alter(
      "UPDATE answers SET answer = json_set(answer, '$.found', json(iif(answer ->> '$.found', 'false', 'true'))) WHERE serial = ?",
      serial,
    )
  }

  /** Takes the rows away that the answer was made of. */
  alterSourceRows(serial: string): void {
    this.#alter("UPDATE answers SET source_rows = '{}' WHERE serial = ?", serial)
  }

  /** Changes every row of the live book, which answers given before must survive. */
  moveBookOn(): void {
    this.#db.exec("UPDATE book_rows SET subject = subject || '-moved'")
  }

  /** Undoes {@link moveBookOn}. */
  moveBookBack(): void {
    this.#db.exec("UPDATE book_rows SET subject = substr(subject, 1, length(subject) - length('-moved'))")
  }

  #alter(sql: string, serial: string): void {
    const { changes } = this.#db.prepare(sql).run(serial)
    if (changes !== 1) throw new Error(`serial ${serial} is not in this provider's database`)
  }
}
