import type { DatabaseSync } from 'node:sqlite'
import type { Address } from '../../../protocol/hex.ts'
import type { Disclosure } from '../../../protocol/receipt.ts'
import type { Serial } from '../../../protocol/serial.ts'

/** What became of a query at one provider. */
export const OUTCOME_KINDS = ['answered', 'refused', 'timed-out', 'unreachable', 'invalid'] as const
export type OutcomeKind = (typeof OUTCOME_KINDS)[number]

export interface StoredOutcome {
  provider: Address
  name: string
  outcome: OutcomeKind
  /** Canonical JSON of the receipt, with `answered`. */
  receipt: string | null
  /** JSON of the problem, with every other outcome. */
  error: string | null
}

export interface StoredQuery {
  serial: Serial
  /** Id of the API key that asked. */
  apiKey: string
  type: string
  disclosure: Disclosure
  /** Unix milliseconds. */
  askedAt: number
  /** In the order in which providers were asked. */
  outcomes: StoredOutcome[]
}

/** What the proxy was given, by serial. Reading is immediate; writing takes part in the caller's transaction. */
export class QueryStore {
  readonly #insertQuery
  readonly #insertOutcome
  readonly #findQuery
  readonly #findOutcomes
  readonly #answeredSerials

  constructor(database: DatabaseSync) {
    this.#insertQuery = database.prepare('INSERT INTO queries VALUES (?, ?, ?, ?, ?)')
    this.#insertOutcome = database.prepare('INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#findQuery = database.prepare('SELECT * FROM queries WHERE serial = ?')
    this.#findOutcomes = database.prepare('SELECT * FROM outcomes WHERE serial = ? ORDER BY position')
    this.#answeredSerials = database.prepare(
      `SELECT serial FROM outcomes WHERE provider = ? AND outcome = 'answered' AND serial >= ? AND serial < ?
       ORDER BY serial LIMIT ?`,
    )
  }

  insert({ serial, apiKey, type, disclosure, askedAt, outcomes }: StoredQuery): void {
    this.#insertQuery.run(serial, apiKey, type, disclosure, askedAt)
    for (const [position, { provider, name, outcome, receipt, error }] of outcomes.entries())
      this.#insertOutcome.run(serial, provider, position, name, outcome, receipt, error)
  }

  find(serial: Serial): StoredQuery | undefined {
    const row = this.#findQuery.get(serial) as unknown as QueryRow | undefined
    if (row === undefined) return undefined
    const outcomes = this.#findOutcomes.all(serial) as unknown as StoredOutcome[]
    return {
      serial,
      apiKey: row.api_key,
      type: row.type,
      disclosure: row.disclosure,
      askedAt: row.asked_at,
      outcomes: outcomes.map(({ provider, name, outcome, receipt, error }) => ({
        provider,
        name,
        outcome,
        receipt,
        error,
      })),
    }
  }

  /** Serials from `from` up to but not including `to` that the provider answered, in order, `limit` at most. */
  answeredSerials(provider: Address, from: Serial, to: Serial, limit: number): Serial[] {
    const rows = this.#answeredSerials.all(provider, from, to, limit) as unknown as { serial: Serial }[]
    return rows.map(({ serial }) => serial)
  }
}

interface QueryRow {
  api_key: string
  type: string
  disclosure: Disclosure
  asked_at: number
}
