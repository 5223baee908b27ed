import type { DatabaseSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { RecordingTier } from '../book/credential-calls.ts'

/** What a database was made for. */
export interface DatabasePurpose {
  tier: RecordingTier
  /** Says whether the secret is the same, and nothing of it. */
  secretCheck: Uint8Array
  /** Identity of the content store. */
  contentStore: string
}

/** Binds a database to its purpose; the first server that asks decides. @throws CONFIGURATION_INVALID */
export function claimDatabase(db: DatabaseSync, { tier, secretCheck, contentStore }: DatabasePurpose): void {
  const known = db.prepare('SELECT * FROM evidence_server').get()
  if (known === undefined) {
    db.prepare('INSERT INTO evidence_server (tier, secret_check, content_store) VALUES (?, ?, ?)').run(
      tier,
      secretCheck,
      contentStore,
    )
    return
  }
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
  if (known.content_store !== contentStore)
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      'EVIDENCE_STORE is not the store that the contents of this database are kept in',
      { action: 'Mount or name the old store again; an empty one would make everything missing.' },
    )
}
