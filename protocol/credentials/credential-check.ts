import type { Address, Bytes32 } from '../hex.ts'
import { ZERO_BYTES32 } from '../hex.ts'
import type { Check } from '../verification.ts'
import {
  type AddCheck,
  type CredentialStanding,
  readStanding,
  STANDING_STEPS,
  type StandingOptions,
} from './credential-standing.ts'
import { type RecordedCredential, verifyCredential } from './credential-verification.ts'
import { type EvidenceCredential, type ReadCredential, readCredential } from './evidence-credential.ts'
import { evidenceDigest } from './evidence-digest.ts'
import { deriveEvidenceVerdict, type EvidenceVerdict } from './evidence-verdict.ts'
import { checkIssuer } from './issuer-check.ts'

export interface CredentialCheckOptions extends StandingOptions {
  /** The registry of that chain which the verifier knows to be genuine, beside those that the directory names. */
  knownRegistry?: Address | null
  /** sha256 of the file at hand; without it nothing is said of any file. */
  contentHash?: Bytes32 | undefined
  /** Given each step as soon as its outcome is known. */
  onCheck?: ((check: Check) => void) | undefined
}

/**
 * Why there is no verdict:
 * - `credential-invalid`: altered, not signed by its issuer, or with a receipt that proves nothing; the chain was not asked
 * - `unknown-issuer`, `unknown-registry`: the directory does not have the account as an issuer; the registry is none that is known
 * - `issuer-not-active`: all agrees, but the issuer was suspended or retired when it recorded the credential
 * - `content-not-checked`: the credential holds, and no file was given
 */
export type NoVerdictRule =
  | 'credential-invalid'
  | 'unknown-issuer'
  | 'unknown-registry'
  | 'issuer-not-active'
  | 'content-not-checked'

export interface CredentialCheck {
  /** Of the file at hand and the credential together; null: see {@link NoVerdictRule}. */
  verdict: Extract<EvidenceVerdict, 'intact' | 'tampered' | 'revoked' | 'expired' | 'unconfirmed'> | null
  /** The rule that decided: of `deriveEvidenceVerdict`, `receipt-not-on-chain`, or a {@link NoVerdictRule}. */
  rule: string
  /**
   * In order: `document`, `digest`, `signature`, `record`, `content`, `issuer`, `known-registry`, `registry`, `block`, `finality`,
   * `issuer-status`, `revocation`, `expiry`.
   */
  checks: Check[]
  /** As the directory has it; null when it does not. */
  issuerName: string | null
  /** Where its receipt proves the credential to be; null without one. Whether that is the chain: step `block`. */
  recorded: RecordedCredential | null
  /** Null when the chain was not asked. */
  standing: CredentialStanding | null
}

/** What can be said of a credential and a file without asking anybody. */
export interface OfflineCredentialCheck {
  /** `document`, `digest`, `signature`, `record`, `content`. */
  checks: Check[]
  /** Whether the credential is genuine as far as it goes by itself: false for one that proves nothing. */
  isValid: boolean
  /** Whether the file at hand is not the one that the credential is of. */
  isOtherContent: boolean
  recorded: RecordedCredential | null
}

export async function checkCredentialOffline(
  credential: EvidenceCredential,
  contentHash: Bytes32 | undefined,
): Promise<OfflineCredentialCheck> {
  const { checks, verdict, recorded } = await verifyCredential(credential)
  const expected = readCredential(credential).contentHash
  const isOtherContent = contentHash !== undefined && contentHash !== expected
  const said = isOtherContent ? `, the credential says ${expected}` : ''
  const content: Check =
    contentHash === undefined
      ? { name: 'content', outcome: 'not-checked', detail: 'no file was given' }
      : {
          name: 'content',
          outcome: isOtherContent ? 'failed' : 'passed',
          detail: `sha256 ${contentHash}${said}`,
        }
  return { checks: [...checks, content], isValid: verdict !== null, isOtherContent, recorded }
}

/**
 * Verifies a credential, and the file that it is shown with, against a chain: everything that the credential carries, the issuer in the
 * directory, the registry's slot or the receipt's block, finality, revocation, expiry. Asks nodes, and nobody else; they learn the
 * credential's key and issuer, and nothing of the file.
 * @param credential as `parseCredential` gave it
 * @throws CHAIN_MISMATCH for a node of another chain; CHAIN_UNREACHABLE, PROOF_UNBUILDABLE
 */
export async function checkCredentialOnChain(
  credential: EvidenceCredential,
  { knownRegistry = null, contentHash, onCheck, ...options }: CredentialCheckOptions,
): Promise<CredentialCheck> {
  const checks: Check[] = []
  const add: AddCheck = (name, found, detail) => {
    const outcome = typeof found === 'string' ? found : found ? 'passed' : 'failed'
    checks.push({ name, outcome, detail })
    onCheck?.({ name, outcome, detail })
  }
  const said = readCredential(credential)
  const offline = await checkCredentialOffline(credential, contentHash)
  for (const { name, outcome, detail } of offline.checks) add(name, outcome, detail)
  const result = { checks, issuerName: null, recorded: offline.recorded, standing: null }
  if (!offline.isValid) {
    skip(['issuer', 'known-registry', ...STANDING_STEPS], add)
    return { ...result, verdict: null, rule: 'credential-invalid' }
  }

  const issuer = await checkIssuer(said, options.directory, knownRegistry)
  for (const { name, outcome, detail } of issuer.checks) add(name, outcome, detail)
  const unknown = issuer.checks.find(({ outcome }) => outcome !== 'passed')
  if (unknown !== undefined) {
    skip(STANDING_STEPS, add)
    if (offline.isOtherContent) return { ...result, verdict: 'tampered', rule: 'content-or-metadata-differs' }
    return { ...result, verdict: null, rule: `unknown-${unknown.name.replace('known-', '')}` }
  }
  const standing = await readStanding(said, offline.recorded, options, add)
  return { ...result, issuerName: issuer.name, standing, ...verdictOf(said, contentHash, standing) }
}

function skip(steps: readonly string[], add: AddCheck): void {
  for (const name of steps) add(name, 'not-checked', 'an earlier check failed')
}

/** By the rules that hold for what an issuer keeps, and those for what only a holder can meet. */
function verdictOf(
  said: ReadCredential,
  contentHash: Bytes32 | undefined,
  standing: CredentialStanding,
): Pick<CredentialCheck, 'verdict' | 'rule'> {
  const { held, isOnChain, isInBlock, isFinal, tier, revocation, issuerStatus } = standing
  const digest = held === ZERO_BYTES32 ? said.digest : held
  const contentHashNow = contentHash ?? said.contentHash
  const { verdict, rule } = deriveEvidenceVerdict({
    kept: {
      state: 'kept',
      contentHashNow,
      metadataHashNow: said.metadataHash,
      digestNow: evidenceDigest({ ...said, contentHash: contentHashNow }),
    },
    signedDigest: said.digest,
    // Finality is decided with the chain's own word for it, where it has one; no number of a block stands for that.
    recorded: isOnChain || digest !== said.digest ? { digest, blockNumber: 0, tier } : null,
    revocation: revocation && { reason: revocation.reason ?? '', blockNumber: 0 },
    expiresAt: standing.expiresAt,
    now: standing.now,
    searchedTo: standing.askedAt,
    finalityDepth: 0,
  })
  if (verdict === 'unconfirmed' && !isInBlock) return { verdict, rule: 'receipt-not-on-chain' }
  if (verdict !== 'intact') return { verdict: verdict as CredentialCheck['verdict'], rule }
  if (!isFinal) return { verdict: 'unconfirmed', rule: 'not-final' }
  if (issuerStatus !== 'active') return { verdict: null, rule: 'issuer-not-active' }
  if (contentHash === undefined) return { verdict: null, rule: 'content-not-checked' }
  return { verdict, rule }
}
