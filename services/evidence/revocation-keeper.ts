import { revocationEntry, revocationKey } from '../../protocol/credentials/credential-key.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { utf8ToBytes } from '../../protocol/hex.ts'
import type { BookWriter } from '../party/book-writer/book-writer.ts'
import type { GroupCommit } from '../party/group-commit.ts'
import { REVOCATIONS } from './book/revocation-calls.ts'
import type { EvidenceStore, StoredEvidence } from './store/evidence-store.ts'

export interface RevocationKeeperOptions {
  commits: GroupCommit
  evidence: EvidenceStore
  writer: BookWriter
  /** Seconds within which a revocation shall be on chain. */
  recordWithin: number
}

/** Revokes credentials: the database knows at once, the chain after it. */
export class RevocationKeeper {
  readonly #options: RevocationKeeperOptions

  constructor(options: RevocationKeeperOptions) {
    this.#options = options
  }

  /**
   * Resolves once the revocation is durable; the same again changes nothing.
   * @throws REVOCATION_REASON_INVALID, CREDENTIAL_ALREADY_REVOKED for another reason
   */
  async revoke({ credentialId }: StoredEvidence, reason: string): Promise<void> {
    const { commits, evidence, writer, recordWithin } = this.#options
    const entry = revocationEntry(credentialId, reason)
    await commits.write(() => {
      const now = Date.now()
      if (!evidence.revoke(credentialId, reason, now)) {
        if (evidence.find(credentialId)?.revocationReason === reason) return
        throw new CountersignError(
          'CREDENTIAL_ALREADY_REVOKED',
          `${credentialId} was revoked before, for another reason`,
        )
      }
      writer.add({
        ...entry,
        recordBy: Math.floor(now / 1000) + recordWithin,
        content: utf8ToBytes(reason),
        group: REVOCATIONS,
      })
    })
    writer.notify()
  }

  /** How far a revocation has got: `recorded` once its block is final, `conflict` when the chain has one for another reason. */
  stateOf({ credentialId }: StoredEvidence): 'pending' | 'recorded' | 'conflict' {
    const state = this.#options.writer.find(revocationKey(credentialId))?.state
    if (state === 'conflict') return 'conflict'
    return state === 'final' ? 'recorded' : 'pending'
  }
}
