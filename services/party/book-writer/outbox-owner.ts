import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Address } from '../../../protocol/hex.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'

/** Whose entries an outbox holds, and where they go. */
export interface OutboxOwner extends Registry {
  author: Address
}

/** Undefined before an outbox was opened for somebody; the tables have to be there. */
export function findOutboxOwner(db: DatabaseSync): OutboxOwner | undefined {
  const row = db.prepare('SELECT chain_id, registry, author FROM outbox_owner').get()
  if (row === undefined) return undefined
  return {
    chainId: Number(row.chain_id),
    registry: row.registry as Address,
    author: row.author as Address,
  }
}

/** @throws CONFIGURATION_INVALID when the outbox belongs to another author, chain or registry: its nonces and promises do. */
export function claimOutbox(db: DatabaseSync, { chainId, registry, author }: OutboxOwner): void {
  const owner = findOutboxOwner(db)
  if (owner === undefined) {
    const insert = db.prepare('INSERT INTO outbox_owner (chain_id, registry, author) VALUES (?, ?, ?)')
    insert.run(chainId, registry, author)
  } else if (owner.chainId !== chainId || owner.registry !== registry || owner.author !== author)
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      `the database belongs to ${owner.author}, who records in ${owner.registry} on chain ${owner.chainId}`,
      { action: 'Give this party a database of its own, or its old key and chain.' },
    )
}
