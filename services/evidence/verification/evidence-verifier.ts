import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  parseCredential,
  type ReadCredential,
  readCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import { evidenceDigest } from '../../../protocol/credentials/evidence-digest.ts'
import {
  assembleEvidenceStatement,
  serializeEvidenceStatement,
} from '../../../protocol/credentials/evidence-statement.ts'
import {
  deriveEvidenceVerdict,
  type EvidenceVerdict,
  type KeptEvidence as KeptFinding,
  type VerdictEvidence,
} from '../../../protocol/credentials/evidence-verdict.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { type Bytes32, isBytes32, keccak256Hex, utf8ToBytes, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import { signHash } from '../../../protocol/signature.ts'
import { secondsOfUtcTime } from '../../../protocol/utc-time.ts'
import type { PartyKey } from '../../party/keys.ts'
import type { ContentStore, HashOptions } from '../content-store/content-store.ts'
import type { HashedContent } from '../content-store/hash-of.ts'
import type { EvidenceSecrets } from '../evidence-secrets.ts'
import type { Findings } from '../notices/findings.ts'
import type { EvidenceStore, KeptEvidence, StoredEvidence } from '../store/evidence-store.ts'
import type { CredentialChain } from './credential-chain.ts'

export interface VerifierDeps {
  key: PartyKey
  registry: Registry
  finalityDepth: number
  evidence: EvidenceStore
  contents: ContentStore
  secrets: EvidenceSecrets
  chain: Pick<CredentialChain, 'read'>
  findings: Findings
}

/** What the issuer signed of a credential, as far as a verdict depends on it. */
export type SignedTerms = Pick<ReadCredential, 'digest' | 'validUntil'>

/** Says of evidence whether it still is what was handed in. Nothing of earlier answers is used: content and chain are read again. */
export class EvidenceVerifier {
  readonly #deps: VerifierDeps

  constructor(deps: VerifierDeps) {
    this.#deps = deps
  }

  /**
   * The bytes of a signed statement; what was found is also noted.
   * @param signed of the credential that the client presented
   * @throws EVIDENCE_ERASED while it is being erased, EVIDENCE_STORE_UNAVAILABLE and as `CredentialChain.read`, and then there is no
   * verdict
   */
  async verify(evidence: StoredEvidence, signed: SignedTerms, options: HashOptions = {}): Promise<string> {
    const { key, registry, findings } = this.#deps
    const found = await this.#examine(evidence, signed, options)
    const statement = assembleEvidenceStatement(
      {
        ...registry,
        issuer: key.address,
        credentialId: evidence.credentialId,
        evidence: found,
        checkedAt: Math.floor(Date.now() / 1000),
      },
      (hash) => signHash(hash, key.privateKey),
    )
    await findings.note({ credentialId: evidence.credentialId, verdict: statement.verdict })
    return serializeEvidenceStatement(statement)
  }

  /** What a client would be told that presents the credential which is kept. Notes nothing. @throws as {@link verify} */
  async recheck(evidence: KeptEvidence, options: HashOptions = {}): Promise<EvidenceVerdict> {
    const signed = await this.#signedTermsOf(evidence)
    return deriveEvidenceVerdict(await this.#examine(evidence, signed, options)).verdict
  }

  async #examine(
    evidence: StoredEvidence,
    signed: SignedTerms,
    options: HashOptions,
  ): Promise<VerdictEvidence> {
    const { chain, finalityDepth } = this.#deps
    // First the chain: while it is away there is no verdict, and nothing to read for.
    const { recorded, revocation, expiresAt, searchedTo } = await chain.read(evidence.credentialId)
    return {
      kept: await this.#reread(evidence, options),
      signedDigest: signed.digest,
      recorded,
      revocation,
      expiresAt: earlier(secondsOfUtcTime(signed.validUntil) ?? null, expiresAt),
      now: searchedTo.timestamp,
      searchedTo,
      finalityDepth,
    }
  }

  async #reread(evidence: StoredEvidence, options: HashOptions): Promise<KeptFinding> {
    const { evidence: store } = this.#deps
    const { credentialId } = evidence
    if (evidence.state === 'erased') return { state: 'erased' }
    const found = evidence.state === 'kept' ? await this.#hashStored(evidence, options) : undefined
    // Erased while it was read: what is missing then is not lost, and as long as it is not finished it is not gone either.
    const state = store.find(credentialId)?.state
    if (state === 'erasing') throw new CountersignError('EVIDENCE_ERASED', `${credentialId} is being erased`)
    if (state !== 'kept') return { state: 'erased' }
    return found === undefined ? { state: 'missing' } : this.#digestNow(evidence, found.contentHash)
  }

  /** Other bytes than were handed in have to come from the store itself, twice: a gateway's own page or a fault on the way is no tampering. */
  async #hashStored({ contentHash }: KeptEvidence, options: HashOptions): Promise<HashedContent | undefined> {
    const { contents } = this.#deps
    // Under what is no hash, nothing can be.
    if (!isBytes32(contentHash)) return undefined
    const found = await contents.hash(contentHash, options)
    if (found === undefined || found.contentHash === contentHash) return found
    await contents.identity()
    return contents.hash(contentHash, options)
  }

  #digestNow({ credentialId, metadata, share }: KeptEvidence, contentHashNow: Bytes32): KeptFinding {
    const { registry, key, secrets } = this.#deps
    const metadataHashNow = keccak256Hex(utf8ToBytes(metadata))
    const found = { state: 'kept', contentHashNow, metadataHashNow } as const
    // Zero, which no evidence has: of what is no share there is no salt.
    if (!isBytes32(share)) return { ...found, digestNow: ZERO_BYTES32 }
    const digestNow = evidenceDigest({
      ...registry,
      credentialId,
      issuer: key.address,
      contentHash: contentHashNow,
      metadataHash: metadataHashNow,
      salt: secrets.salt(credentialId, share),
    })
    return { ...found, digestNow }
  }

  /** Digest zero, which no evidence has, when the credential that is kept no longer proves anything. */
  async #signedTermsOf({ credential, credentialId }: KeptEvidence): Promise<SignedTerms> {
    const nothing: SignedTerms = { digest: ZERO_BYTES32, validUntil: null }
    try {
      const kept = parseCredential(credential)
      const { verdict } = await verifyCredential(kept)
      const content = readCredential(kept)
      return verdict !== null && content.credentialId === credentialId ? content : nothing
    } catch {
      return nothing
    }
  }
}

/** Of what credential and chain say; a column of the database is no evidence. */
const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b)
