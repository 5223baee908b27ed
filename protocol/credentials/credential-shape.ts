import { fromBase64Url, toBase64Url } from '../base64url.ts'
import { canonicalJson } from '../canonical-json.ts'
import { CountersignError, isCountersignError } from '../errors.ts'
import {
  checkShape,
  isAddress,
  isCount,
  isHash,
  isObject,
  isOneOf,
  type MemberCheck,
  type Shape,
} from '../file-shape.ts'
import { SERIAL_PATTERN } from '../serial.ts'
import { secondsOfUtcTime } from '../utc-time.ts'
import { CREDENTIAL_CONTEXT } from './credential-context.ts'
import { CREDENTIAL_TIERS } from './credential-event.ts'
import type { EvidenceCredential } from './evidence-credential.ts'
import { checkEvidenceMetadata } from './evidence-metadata.ts'
import { readIssuerDid, verificationMethodOf } from './issuer-did.ts'

/** More levels than a tree can have whose leaves a `uint64` counts. */
const MAX_LEAF_PROOF = 64

function isSame(value: unknown): MemberCheck {
  const text = canonicalJson(value)
  return (other) => canonicalJson(other) === text
}
const isUtcTime: MemberCheck = (value) => secondsOfUtcTime(value) !== undefined
const isId: MemberCheck = (value) =>
  typeof value === 'string' && value.startsWith('urn:ulid:') && SERIAL.test(value.slice('urn:ulid:'.length))
const SERIAL = new RegExp(SERIAL_PATTERN)

const DOCUMENT: Shape = {
  '@context': isSame(CREDENTIAL_CONTEXT),
  id: isId,
  type: isSame(['VerifiableCredential', 'EvidenceCredential']),
  issuer: (value) => readIssuerDid(value) !== undefined,
  validFrom: isUtcTime,
  credentialSubject: isObject,
  credentialStatus: isObject,
  proof: (value) => Array.isArray(value) && (value.length === 1 || value.length === 2),
  integrity: isHash,
}
const SUBJECT: Shape = {
  type: isOneOf('Evidence'),
  contentHash: isHash,
  metadata: isObject,
  metadataHash: isHash,
  salt: isHash,
  digest: isHash,
}
const STATUS: Shape = { type: isOneOf('RegistryStatus'), chainId: isCount, registry: isAddress }
const ISSUER_PROOF: Shape = {
  type: isOneOf('DataIntegrityProof'),
  cryptosuite: isOneOf('eip712-jcs-2026'),
  created: isUtcTime,
  verificationMethod: (value) => typeof value === 'string',
  proofPurpose: isOneOf('assertionMethod'),
  recordBy: isCount,
  proofValue: isMultibaseSignature,
}
const RECEIPT: Shape = { type: isOneOf('RecordReceipt'), tier: isOneOf(...CREDENTIAL_TIERS), event: isObject }
const ANCHORED_RECEIPT: Shape = {
  ...RECEIPT,
  leafProof: (value) => Array.isArray(value) && value.length <= MAX_LEAF_PROOF && value.every(isHash),
}

/**
 * Checks that a document has the members of an evidence credential, each of its one form, and that those which say the same agree.
 * @throws CREDENTIAL_INVALID naming the member; values are not quoted
 */
export function checkEvidenceCredential(value: unknown): EvidenceCredential {
  try {
    const credential = value as EvidenceCredential
    const expires = isObject(value) && Object.hasOwn(credential, 'validUntil')
    checkShape(value, expires ? { ...DOCUMENT, validUntil: isUtcTime } : DOCUMENT, 'credential')
    const { credentialSubject: subject, credentialStatus: status, proof } = credential
    checkShape(subject, SUBJECT, 'credentialSubject')
    checkShape(status, STATUS, 'credentialStatus')
    checkShape(proof[0], ISSUER_PROOF, 'proof[0]')
    const receipt: unknown = proof[1]
    if (proof.length === 2)
      checkShape(receipt, proof[1].tier === 'anchored' ? ANCHORED_RECEIPT : RECEIPT, 'proof[1]')
    checkEvidenceMetadata(subject.metadata)
    agree(credential.validUntil === subject.metadata.validUntil, 'validUntil', "the metadata's")
    agree(
      readIssuerDid(credential.issuer)!.chainId === status.chainId,
      'credentialStatus.chainId',
      "the issuer's",
    )
    const method = verificationMethodOf(credential.issuer)
    agree(proof[0].verificationMethod === method, 'proof[0].verificationMethod', "the issuer's")
    return credential
  } catch (error) {
    if (!isCountersignError(error) || error.code === 'CREDENTIAL_INVALID') throw error
    throw new CountersignError('CREDENTIAL_INVALID', error.message, { details: error.details })
  }
}

function agree(same: boolean, member: string, other: string): void {
  if (!same) throw new CountersignError('CREDENTIAL_INVALID', `${member} is not ${other}`)
}

/** Text that decodes to the same bytes but is spelt otherwise (spare bits set) is refused. */
function isMultibaseSignature(value: unknown): boolean {
  if (typeof value !== 'string' || value.length !== 88 || !value.startsWith('u')) return false
  const bytes = fromBase64Url(value.slice(1))
  return bytes?.length === 65 && toBase64Url(bytes) === value.slice(1)
}
