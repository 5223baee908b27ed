import type { DatabaseSync } from 'node:sqlite'
import type { Bytes32 } from '../../../protocol/hex.ts'

/** Which chains the queries and reports kept here are about: a chain id alone may come back on another chain. */
export class ChainStore {
  readonly #insert
  readonly #find

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT OR IGNORE INTO chains VALUES (?, ?)')
    this.#find = database.prepare('SELECT genesis_hash FROM chains WHERE chain_id = ?')
  }

  /** Does nothing when one is kept already. */
  insert(chainId: number, genesisHash: Bytes32): void {
    this.#insert.run(chainId, genesisHash)
  }

  /** Hash of the first block of that chain, undefined before it was learnt. */
  genesisHash(chainId: number): Bytes32 | undefined {
    return this.#find.get(chainId)?.genesis_hash as Bytes32 | undefined
  }
}
