import { canonicalJson } from '../../protocol/canonical-json.ts'
import { credentialKey, newCredentialId } from '../../protocol/credentials/credential-key.ts'
import {
  type EvidenceCredential,
  issueCredential,
  serializeCredential,
} from '../../protocol/credentials/evidence-credential.ts'
import { type EvidenceMetadata, expiresAtOf } from '../../protocol/credentials/evidence-metadata.ts'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { bytesToHex, randomBytes32 } from '../../protocol/hex.ts'
import type { Registry } from '../../protocol/registry-domain.ts'
import type { Serial } from '../../protocol/serial.ts'
import { signHash } from '../../protocol/signature.ts'
import { utcTime } from '../../protocol/utc-time.ts'
import type { BookWriter } from '../party/book-writer/book-writer.ts'
import type { OutboxEntry } from '../party/book-writer/outbox.ts'
import type { GroupCommit } from '../party/group-commit.ts'
import { KeyedLocks } from '../party/keyed-locks.ts'
import type { PartyKey } from '../party/keys.ts'
import { packExpiry, type RecordingTier } from './book/credential-calls.ts'
import type { ContentIntents } from './content-intents.ts'
import type { ContentStore } from './content-store/content-store.ts'
import type { StagedContent } from './content-store/staging.ts'
import { databaseFailure } from './database-failure.ts'
import type { EvidenceSecrets } from './evidence-secrets.ts'
import type { EvidenceStore, NewEvidence } from './store/evidence-store.ts'
import type { IdempotencyStore, IdempotentRequest } from './store/idempotency-store.ts'

export interface EvidenceKeeperOptions {
  key: PartyKey
  registry: Registry
  tier: RecordingTier
  /** Seconds within which a credential is promised to be on chain. */
  recordWithin: number
  commits: GroupCommit
  evidence: EvidenceStore
  idempotency: IdempotencyStore
  contents: ContentStore
  contentLocks: KeyedLocks
  intents: ContentIntents
  secrets: EvidenceSecrets
  writer: BookWriter
}

/** A content that was received, and what is said of it. */
export interface ReceivedEvidence {
  client: number
  staged: StagedContent
  metadata: EvidenceMetadata
  idempotent: IdempotentRequest | undefined
  /** Runs in the transaction that keeps it. */
  onKept: () => void
}

export interface KeptCredential {
  credentialId: Serial
  /** The request was done before; this is what it made then. */
  isRepeated: boolean
}

/** Takes evidence in: first the content is in its store, then row, outbox entry and answer are committed together; only then is it kept. */
export class EvidenceKeeper {
  readonly #options: EvidenceKeeperOptions
  readonly #requestLocks = new KeyedLocks()

  constructor(options: EvidenceKeeperOptions) {
    this.#options = options
  }

  /**
   * Resolves once the evidence is durable; of what fails nothing stays.
   * @throws IDEMPOTENCY_KEY_REUSED, EVIDENCE_STORE_FULL, EVIDENCE_STORE_UNAVAILABLE
   */
  keep(received: ReceivedEvidence): Promise<KeptCredential> {
    const { idempotent, staged } = received
    const names = idempotent && [`${idempotent.client}:${bytesToHex(idempotent.keyHash)}`]
    return this.#requestLocks.run(names ?? [], async () => {
      const known = idempotent && this.findRepeated(idempotent)
      if (known !== undefined) return { credentialId: known, isRepeated: true }
      const credentialId = await this.#options.contentLocks.run([staged.contentHash], () =>
        this.#keepNew(received),
      )
      return { credentialId, isRepeated: false }
    })
  }

  /** What the request made when it was done before. @throws IDEMPOTENCY_KEY_REUSED when its key was used for another one */
  findRepeated(idempotent: IdempotentRequest): Serial | undefined {
    const known = this.#options.idempotency.find(idempotent, Date.now())
    if (known === undefined) return undefined
    if (!known.isSameRequest)
      throw new CountersignError(
        'IDEMPOTENCY_KEY_REUSED',
        'other evidence was handed in with this key before',
      )
    return known.credentialId
  }

  async #keepNew(received: ReceivedEvidence): Promise<Serial> {
    const { commits, contents, evidence, idempotency, intents, writer } = this.#options
    const { staged, idempotent, onKept } = received
    try {
      await intents.begin(staged.contentHash)
      try {
        await contents.put(staged)
        const { row, entry } = this.#draft(received)
        await commits.write(() => {
          evidence.insert(row)
          writer.add(entry)
          if (idempotent !== undefined) idempotency.insert(idempotent, row.credentialId, row.issuedAt)
          intents.fulfil(staged.contentHash)
          onKept()
        })
        writer.notify()
        return row.credentialId
      } catch (error) {
        // What cannot be undone now is undone later: the intent stays.
        await intents.undo(staged.contentHash).catch(() => {})
        throw error
      }
    } catch (error) {
      throw isCountersignError(error) ? error : databaseFailure(error)
    }
  }

  #draft({ client, staged, metadata }: ReceivedEvidence): { row: NewEvidence; entry: OutboxEntry } {
    const { tier, recordWithin } = this.#options
    const share = randomBytes32()
    const credentialId = newCredentialId()
    const issuedAt = Date.now()
    const recordBy = Math.floor(issuedAt / 1000) + recordWithin
    const credential = this.#issue(credentialId, staged, metadata, { share, issuedAt, recordBy })
    const { digest } = credential.credentialSubject
    const expiresAt = expiresAtOf(metadata) ?? null
    return {
      row: {
        credentialId,
        client,
        contentHash: staged.contentHash,
        size: staged.size,
        metadata: canonicalJson(metadata),
        share,
        digest,
        credential: serializeCredential(credential),
        issuedAt,
      },
      entry: {
        key: credentialKey(credentialId),
        digest,
        recordBy,
        ...(expiresAt !== null && tier === 'record' && { content: packExpiry(expiresAt) }),
      },
    }
  }

  #issue(
    credentialId: Serial,
    { contentHash }: StagedContent,
    metadata: EvidenceMetadata,
    { share, issuedAt, recordBy }: { share: NewEvidence['share']; issuedAt: number; recordBy: number },
  ): EvidenceCredential {
    const { key, registry, secrets } = this.#options
    const created = utcTime(Math.floor(issuedAt / 1000))
    return issueCredential(
      {
        ...registry,
        issuer: key.address,
        credentialId,
        contentHash,
        metadata,
        salt: secrets.salt(credentialId, share),
        validFrom: created,
        recordBy,
        created,
      },
      (hash) => signHash(hash, key.privateKey),
    )
  }
}
