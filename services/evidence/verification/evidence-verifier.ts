import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import { parseCredential, readCredential } from '../../../protocol/credentials/evidence-credential.ts'
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
import { type Bytes32, keccak256Hex, utf8ToBytes, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import { signHash } from '../../../protocol/signature.ts'
import type { PartyKey } from '../../party/keys.ts'
import type { ContentStore, HashOptions } from '../content-store/content-store.ts'
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

/** Says of evidence whether it still is what was handed in. Nothing of earlier answers is used: content and chain are read again. */
export class EvidenceVerifier {
  readonly #deps: VerifierDeps

  constructor(deps: VerifierDeps) {
    this.#deps = deps
  }

  /**
   * The bytes of a signed statement; what was found is also noted.
   * @param signedDigest of the credential that the client presented
   * @throws EVIDENCE_STORE_UNAVAILABLE and as `CredentialChain.read`, and then there is no verdict
   */
  async verify(evidence: StoredEvidence, signedDigest: Bytes32, options: HashOptions = {}): Promise<string> {
    const { key, registry, findings } = this.#deps
    const found = await this.#examine(evidence, signedDigest, options)
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
    const signedDigest = await this.#signedDigestOf(evidence)
    return deriveEvidenceVerdict(await this.#examine(evidence, signedDigest, options)).verdict
  }

  async #examine(
    evidence: StoredEvidence,
    signedDigest: Bytes32,
    options: HashOptions,
  ): Promise<VerdictEvidence> {
    const { chain, finalityDepth } = this.#deps
    // First the chain: while it is away there is no verdict, and nothing to read for.
    const { recorded, revocation, expiresAt, searchedTo } = await chain.read(evidence.credentialId)
    return {
      kept: await this.#reread(evidence, options),
      signedDigest,
      recorded,
      revocation,
      expiresAt: expiresAt ?? evidence.expiresAt,
      now: searchedTo.timestamp,
      searchedTo,
      finalityDepth,
    }
  }

  async #reread(evidence: StoredEvidence, options: HashOptions): Promise<KeptFinding> {
    const { contents, evidence: store } = this.#deps
    if (evidence.state !== 'kept') return { state: 'erased' }
    const found = await contents.hash(evidence.contentHash, options)
    // Erased while it was read: what is missing then is not lost.
    if (store.find(evidence.credentialId)?.state !== 'kept') return { state: 'erased' }
    return found === undefined ? { state: 'missing' } : this.#digestNow(evidence, found.contentHash)
  }

  #digestNow({ credentialId, metadata, share }: KeptEvidence, contentHashNow: Bytes32): KeptFinding {
    const { registry, key, secrets } = this.#deps
    const metadataHashNow = keccak256Hex(utf8ToBytes(metadata))
    const digestNow = evidenceDigest({
      ...registry,
      credentialId,
      issuer: key.address,
      contentHash: contentHashNow,
      metadataHash: metadataHashNow,
      salt: secrets.salt(credentialId, share),
    })
    return { state: 'kept', contentHashNow, metadataHashNow, digestNow }
  }

  /** Zero, which no evidence has, when the credential that is kept no longer proves anything. */
  async #signedDigestOf({ credential, credentialId }: KeptEvidence): Promise<Bytes32> {
    try {
      const kept = parseCredential(credential)
      const { verdict } = await verifyCredential(kept)
      const content = readCredential(kept)
      return verdict !== null && content.credentialId === credentialId ? content.digest : ZERO_BYTES32
    } catch {
      return ZERO_BYTES32
    }
  }
}
