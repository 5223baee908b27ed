import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { RecordingTier } from '../book/credential-calls.ts'
import type { ContentStore } from '../content-store/content-store.ts'

/** What a database was made for. */
export interface DatabasePurpose {
  tier: RecordingTier
  /** Says whether the secret is the same, and nothing of it. */
  secretCheck: Uint8Array
  contents: Pick<ContentStore, 'identity' | 'identify'>
}

/**
 * Binds a database to its purpose, and the content store to that database, so that no other server removes from it what it does not know;
 * the first that asks decides. Resolves with the store's identity.
 * @throws CONFIGURATION_INVALID, EVIDENCE_STORE_UNAVAILABLE
 */
export async function claimDatabase(
  db: DatabaseSync,
  { tier, secretCheck, contents }: DatabasePurpose,
): Promise<string> {
  db.prepare(
    `INSERT INTO evidence_server (tier, secret_check, content_store)
     SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM evidence_server)`,
  ).run(tier, secretCheck, randomUUID())
  const known = db.prepare('SELECT * FROM evidence_server').get()!
  if (!Buffer.from(secretCheck).equals(known.secret_check as Uint8Array))
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      'EVIDENCE_SECRET is not the secret that the salts of this database were derived with',
      { action: 'Set the old secret again: no salt can be derived without it.' },
    )
  if (known.tier !== tier)
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      `EVIDENCE_TIER is ${tier}, and the credentials of this database are put on chain by ${known.tier}`,
      { action: 'Set the old tier again, or give this server another database and key.' },
    )
  const store = known.content_store as string
  // An empty store instead of the one that the contents are in would make everything missing.
  if (hasContents(db)) {
    if ((await contents.identity()) !== store)
      throw new CountersignError(
        'CONFIGURATION_INVALID',
        'EVIDENCE_STORE is not the store that the contents of this database are kept in',
        { action: 'Mount or name the old store again; an empty one would make everything missing.' },
      )
  } else if ((await contents.identify(store)) !== store)
    throw new CountersignError('CONFIGURATION_INVALID', 'EVIDENCE_STORE is the store of another database', {
      action:
        'Name the database that it belongs to in EVIDENCE_DATABASE, or give this server a store of its own.',
    })
  return store
}

const hasContents = (db: DatabaseSync): boolean =>
  db.prepare('SELECT 1 FROM evidence UNION ALL SELECT 1 FROM content_intents LIMIT 1').get() !== undefined
