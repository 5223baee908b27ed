import type { DatabaseSync } from 'node:sqlite'

export interface StoredApiKey<Scope extends string> {
  id: string
  /** What the operator calls its holder. */
  name: string
  scopes: Scope[]
  /** SHA-256 of the secret. */
  secretHash: Uint8Array
  /** Unix milliseconds. */
  createdAt: number
  revokedAt: number | null
}

/** The table `api_keys` of a party's database: id, name, scopes, secret_hash, created_at, revoked_at. */
export class ApiKeyStore<Scope extends string> {
  readonly #insert
  readonly #find
  readonly #list
  readonly #revoke

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, NULL)')
    this.#find = db.prepare('SELECT * FROM api_keys WHERE id = ?')
    this.#list = db.prepare('SELECT * FROM api_keys ORDER BY created_at, id')
    this.#revoke = db.prepare('UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL')
  }

  insert({ id, name, scopes, secretHash, createdAt }: Omit<StoredApiKey<Scope>, 'revokedAt'>): void {
    this.#insert.run(id, name, scopes.join(' '), secretHash, createdAt)
  }

  find(id: string): StoredApiKey<Scope> | undefined {
    const row = this.#find.get(id)
    return row && toApiKey(row)
  }

  list(): StoredApiKey<Scope>[] {
    return this.#list.all().map((row) => toApiKey<Scope>(row))
  }

  /** False when there is no such key, or it was revoked before. */
  revoke(id: string, now: number): boolean {
    return this.#revoke.run(now, id).changes === 1
  }
}

const toApiKey = <Scope extends string>(row: Record<string, unknown>): StoredApiKey<Scope> => ({
  id: row.id as string,
  name: row.name as string,
  scopes: (row.scopes as string).split(' ') as Scope[],
  secretHash: row.secret_hash as Uint8Array,
  createdAt: row.created_at as number,
  revokedAt: row.revoked_at as number | null,
})
