import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../protocol/errors.ts'
import { type Bytes32, isBytes32 } from '../../protocol/hex.ts'
import type { JsonRpc } from './book-writer/chain-access.ts'

/** Where a party's database keeps the hash of the first block of a chain. */
export interface KeptGenesis {
  /** Undefined before it was learnt. */
  find(): Bytes32 | undefined
  /** Call it inside a transaction. */
  keep(hash: Bytes32): void
}

/** Of the chain that the entries of an outbox were first brought to; in tables of an earlier version, of none. */
export const genesisOfOutbox = (db: DatabaseSync): KeptGenesis => ({
  find: () =>
    (db.prepare('SELECT * FROM outbox_owner').get()?.genesis_hash as Bytes32 | null | undefined) ?? undefined,
  keep: (hash) => void db.prepare('UPDATE outbox_owner SET genesis_hash = ?').run(hash),
})

/** Of one of the chains that a party reads. */
export const genesisOfChain = (db: DatabaseSync, chainId: number): KeptGenesis => ({
  find: () =>
    db.prepare('SELECT genesis_hash FROM chains WHERE chain_id = ?').get(chainId)?.genesis_hash as
      | Bytes32
      | undefined,
  keep: (hash) => void db.prepare('INSERT OR IGNORE INTO chains VALUES (?, ?)').run(chainId, hash),
})

export interface KnownGenesisOptions {
  chainId: number
  rpc: JsonRpc
  kept: KeptGenesis
  /** Runs a write in a transaction; resolves when it is durable. */
  commit: (write: () => void) => Promise<void>
}

/**
 * By which first block a party knows a chain: an id alone may come back on another chain, of which nothing that was kept is true. What
 * is kept goes before an address book, which may have been written anew with the chain; the connection refuses nodes with another one.
 */
export class KnownGenesis {
  readonly #options: KnownGenesisOptions
  #hash: Bytes32 | undefined

  constructor(options: KnownGenesisOptions) {
    this.#options = options
    this.#hash = options.kept.find()
    if (this.#hash !== undefined) options.rpc.expectGenesis?.(this.#hash)
  }

  get isKept(): boolean {
    return this.#hash !== undefined
  }

  /** As a node has it; undefined when it does not have that block any more. @throws CHAIN_MISMATCH when it is not the one kept */
  async read(): Promise<Bytes32 | undefined> {
    const { chainId, rpc } = this.#options
    const block: { hash?: unknown } | null = await rpc.send('eth_getBlockByNumber', ['0x0', false])
    const hash = block?.hash
    if (!isBytes32(hash)) return undefined
    if (this.#hash !== undefined && this.#hash !== hash)
      throw new CountersignError(
        'CHAIN_MISMATCH',
        `the genesis block of chain ${chainId} is ${hash}, the database is about the one of ${this.#hash}`,
      )
    return hash
  }

  /** Does nothing when one is kept already. */
  async keep(hash: Bytes32): Promise<void> {
    if (this.#hash !== undefined) return
    const { rpc, kept, commit } = this.#options
    await commit(() => kept.keep(hash))
    this.#hash = hash
    rpc.expectGenesis?.(hash)
  }
}
