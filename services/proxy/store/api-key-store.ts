import type { DatabaseSync } from 'node:sqlite'

export const SCOPES = ['user', 'auditor', 'admin'] as const
/** `user`: asks, and sees what it asked; `auditor`: sees and audits everything; `admin`: both. */
export type Scope = (typeof SCOPES)[number]

export interface StoredApiKey {
  id: string
  /** What the operator calls it. */
  name: string
  scopes: Scope[]
  /** SHA-256 of the secret. */
  secretHash: Uint8Array
  /** Unix milliseconds. */
  createdAt: number
  revokedAt: number | null
}

export class ApiKeyStore {
  readonly #insert
  readonly #find
  readonly #list
  readonly #revoke

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, NULL)')
    this.#find = database.prepare('SELECT * FROM api_keys WHERE id = ?')
    this.#list = database.prepare('SELECT * FROM api_keys ORDER BY created_at, id')
    this.#revoke = database.prepare('UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL')
  }

  insert({ id, name, scopes, secretHash, createdAt }: Omit<StoredApiKey, 'revokedAt'>): void {
    this.#insert.run(id, name, scopes.join(' '), secretHash, createdAt)
  }

  find(id: string): StoredApiKey | undefined {
    const row = this.#find.get(id)
    return row && toApiKey(row)
  }

  list(): StoredApiKey[] {
    return this.#list.all().map(toApiKey)
  }

  /** False when there is no such key, or it was revoked before. */
  revoke(id: string, now: number): boolean {
    return this.#revoke.run(now, id).changes === 1
  }
}

const toApiKey = (row: Record<string, unknown>): StoredApiKey => ({
  id: row.id as string,
  name: row.name as string,
  scopes: (row.scopes as string).split(' ') as Scope[],
  secretHash: row.secret_hash as Uint8Array,
  createdAt: row.created_at as number,
  revokedAt: row.revoked_at as number | null,
})
