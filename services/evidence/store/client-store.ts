import type { DatabaseSync } from 'node:sqlite'

/** Whose evidence it is, and how much of it is kept. */
export interface Client {
  id: number
  /** Bytes of all documents; equal contents count each time. */
  bytes: number
  documents: number
}

/** The first 26 characters of an entry's key are those of its credential id. CROSS JOIN keeps SQLite to this order. */
const WAITING_BY_CLIENT = `SELECT e.client, count(*) AS waiting FROM outbox_entries AS o CROSS JOIN evidence AS e
  WHERE o.state IN ('pending', 'submitted') AND o.state <> 'final'
    AND e.credential_id = CAST(unhex(substr(o.entry_key, 3, 52)) AS TEXT) GROUP BY e.client`

/** The clients of an evidence server: all API keys of one name are one client's. */
export class ClientStore {
  readonly #add
  readonly #ofName
  readonly #get
  readonly #latest
  readonly #waiting

  /** The tables of the outbox have to be there. */
  constructor(db: DatabaseSync) {
    this.#add = db.prepare('INSERT INTO clients (name) VALUES (?) ON CONFLICT DO NOTHING')
    this.#ofName = db.prepare('SELECT id FROM clients WHERE name = ?')
    this.#get = db.prepare('SELECT id, bytes, documents FROM clients WHERE id = ?')
    this.#latest = db.prepare('SELECT issued_at AS issuedAt FROM evidence WHERE client = ? ORDER BY id DESC')
    this.#waiting = db.prepare(WAITING_BY_CLIENT)
  }

  /** The client of that name; made on first sight. */
  idOf(name: string): number {
    const known = this.#ofName.get(name)
    if (known !== undefined) return known.id as number
    this.#add.run(name)
    return this.#ofName.get(name)!.id as number
  }

  get(id: number): Client {
    return this.#get.get(id) as unknown as Client
  }

  /** Documents that a client handed in since a time, erased ones too; counted up to a limit. @param since unix milliseconds */
  handedInSince(client: number, since: number, limit: number): number {
    let documents = 0
    for (const { issuedAt } of this.#latest.iterate(client)) {
      if (Number(issuedAt) < since || documents >= limit) break
      documents++
    }
    return documents
  }

  /** Credentials and revocations that are not on chain, by client. */
  waitingByClient(): Map<number, number> {
    return new Map(this.#waiting.all().map(({ client, waiting }) => [Number(client), Number(waiting)]))
  }
}
