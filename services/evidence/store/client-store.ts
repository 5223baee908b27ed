import type { DatabaseSync } from 'node:sqlite'

/** Whose evidence it is, and how much of it is kept. */
export interface Client {
  id: number
  /** Bytes of all documents; equal contents count each time. */
  bytes: number
  documents: number
}

/** The clients of an evidence server: all API keys of one name are one client's. */
export class ClientStore {
  readonly #add
  readonly #ofName
  readonly #get

  constructor(db: DatabaseSync) {
    this.#add = db.prepare('INSERT INTO clients (name) VALUES (?) ON CONFLICT DO NOTHING')
    this.#ofName = db.prepare('SELECT id FROM clients WHERE name = ?')
    this.#get = db.prepare('SELECT id, bytes, documents FROM clients WHERE id = ?')
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
}
