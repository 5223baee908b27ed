import { canonicalBytes } from '../canonical-json.ts'
import { CountersignError } from '../errors.ts'
import { type Bytes32, keccak256Hex } from '../hex.ts'
import { proofInvalid } from '../proof-error.ts'
import { withIntegrity } from '../proof-file.ts'
import { recoverSigner } from '../signature.ts'
import { utcTimeText } from '../utc-time.ts'
import { type Check, Checklist } from '../verification.ts'
import type { CredentialTier } from './credential-event.ts'
import { issuanceHash } from './credential-issuance.ts'
import { verifyCredentialRecorded } from './credential-record.ts'
import { checkCredential, type EvidenceCredential, readCredential } from './evidence-credential.ts'
import { evidenceDigest } from './evidence-digest.ts'
import { metadataHashOf } from './evidence-metadata.ts'

export interface RecordedCredential {
  blockNumber: number
  blockHash: Bytes32
  /** Unix seconds. */
  timestamp: number
  tier: CredentialTier
}

export interface CredentialVerification {
  /** `unconfirmed`: pending, the issuer's promise without a receipt. Null when a check failed: then the credential proves nothing. */
  verdict: 'recorded' | 'unconfirmed' | null
  checks: Check[]
  /** Where the receipt proves the digest to be; null without one, or when a check failed. */
  recorded: RecordedCredential | null
}

/**
 * Verifies a credential without a network: up to the block hash. Whether that block is part of the chain, and whether the
 * credential was revoked since, only a node of the chain can say.
 */
export async function verifyCredential(credential: EvidenceCredential): Promise<CredentialVerification> {
  const list = new Checklist()
  let recorded: RecordedCredential | null = null
  await list.run('document', () => checkDocument(credential))
  await list.run('digest', () => checkDigest(credential))
  await list.run('signature', () => checkSignature(credential))
  if (!list.failed && readCredential(credential).receipt === null)
    list.skip('record', 'the credential is pending: it has no receipt yet')
  else
    await list.run('record', async () => {
      recorded = await checkRecord(credential)
      return `block ${recorded.blockNumber} (${recorded.blockHash}) has it ${recorded.tier}, at ${utcTimeText(recorded.timestamp)}`
    })
  if (list.failed) return { verdict: null, checks: list.checks, recorded: null }
  return { verdict: recorded === null ? 'unconfirmed' : 'recorded', checks: list.checks, recorded }
}

function checkDocument(credential: EvidenceCredential): string {
  const { integrity, ...content } = checkCredential(credential)
  const computed = withIntegrity(content).integrity
  if (computed !== integrity)
    throw new CountersignError(
      'PROOF_FILE_ALTERED',
      `the content hashes to ${computed}, the file says ${integrity}`,
    )
  return 'a W3C Verifiable Credential 2.0 of the evidence type, its members agree'
}

function checkDigest(credential: EvidenceCredential): string {
  const content = readCredential(credential)
  const metadataHash = metadataHashOf(content.metadata)
  if (metadataHash !== content.metadataHash)
    throw new CountersignError(
      'CREDENTIAL_INVALID',
      `the metadata hashes to ${metadataHash}, the credential says ${content.metadataHash}`,
    )
  const digest = evidenceDigest(content)
  if (digest !== content.digest)
    throw new CountersignError(
      'CREDENTIAL_INVALID',
      `hashes and salt give the digest ${digest}, the credential says ${content.digest}`,
    )
  return `content hash, metadata and salt give the digest ${digest}`
}

function checkSignature(credential: EvidenceCredential): string {
  const { proof, integrity: _integrity, ...document } = credential
  const { proofValue: _value, ...options } = proof[0]
  const content = readCredential(credential)
  const hash = issuanceHash({
    chainId: content.chainId,
    registry: content.registry,
    credentialId: content.credentialId,
    issuer: content.issuer,
    digest: content.digest,
    documentHash: keccak256Hex(canonicalBytes(document)),
    proofHash: keccak256Hex(canonicalBytes(options)),
  })
  const signer = recoverSigner(hash, content.signature)
  if (signer !== content.issuer)
    throw new CountersignError(
      'CREDENTIAL_INVALID',
      `the credential is signed by ${signer}, not by its issuer ${content.issuer}`,
    )
  return `${content.issuer} signed the credential`
}

async function checkRecord(credential: EvidenceCredential): Promise<RecordedCredential> {
  const content = readCredential(credential)
  const receipt = content.receipt!
  const { digest, ...recorded } = await verifyCredentialRecorded(receipt, content)
  if (digest !== content.digest)
    throw proofInvalid(`record receipt: the chain has the digest ${digest}, not ${content.digest}`)
  return { ...recorded, tier: receipt.tier }
}
