import { fromBase64Url, toBase64Url } from '../base64url.ts'
import { canonicalBytes } from '../canonical-json.ts'
import { CountersignError } from '../errors.ts'
import type { EventProof } from '../event-proof.ts'
import { type Address, type Bytes32, bytesToHex, type Hex, hexToBytes, keccak256Hex } from '../hex.ts'
import { parseProofFile, serializeProofFile, withIntegrity } from '../proof-file.ts'
import type { Serial } from '../serial.ts'
import { CREDENTIAL_CONTEXT } from './credential-context.ts'
import type { CredentialTier } from './credential-event.ts'
import { issuanceHash } from './credential-issuance.ts'
import { checkEvidenceCredential } from './credential-shape.ts'
import { evidenceDigest } from './evidence-digest.ts'
import { checkEvidenceMetadata, type EvidenceMetadata, metadataHashOf } from './evidence-metadata.ts'
import { issuerDid, readIssuerDid, verificationMethodOf } from './issuer-did.ts'
import { checkCredentialDocument } from './vc-data-model.ts'

export const CREDENTIAL_MEDIA_TYPE = 'application/vc'
export const CREDENTIAL_FILE_EXTENSION = '.credential.json'
export const CREDENTIAL_CRYPTOSUITE = 'eip712-jcs-2026'

/** The issuer's signature, as a W3C Data Integrity proof. */
export interface IssuerProof {
  type: 'DataIntegrityProof'
  cryptosuite: typeof CREDENTIAL_CRYPTOSUITE
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  created: string
  verificationMethod: string
  proofPurpose: 'assertionMethod'
  /** Unix seconds by which the digest will be on chain; zero when it was before the credential was made. */
  recordBy: number
  /** `u` and the base64url of the 65-byte signature (multibase). */
  proofValue: string
}

/**
 * Where the digest stands on chain: an event of the registry in a block. It has no more than can be proven offline up to the block
 * hash, so the transaction is named by its index in the block and not by its hash.
 */
export interface RecordReceipt {
  type: 'RecordReceipt'
  tier: CredentialTier
  event: ReceiptEvent
  /** Of the anchored tier: from the credential's leaf to the root in the event. */
  leafProof?: Bytes32[]
}
export type ReceiptEvent = Omit<EventProof, 'transactionHash'>

/** A W3C Verifiable Credential 2.0 for one piece of evidence. Pending until it has a {@link RecordReceipt}. */
export interface EvidenceCredential {
  '@context': typeof CREDENTIAL_CONTEXT
  /** `urn:ulid:<credentialId>`. */
  id: string
  type: readonly ['VerifiableCredential', 'EvidenceCredential']
  /** `did:pkh:eip155:<chainId>:<address>`. */
  issuer: string
  /** `YYYY-MM-DDTHH:MM:SSZ`, as `validUntil`. */
  validFrom: string
  /** The metadata's. */
  validUntil?: string
  credentialSubject: {
    type: 'Evidence'
    contentHash: Bytes32
    metadata: EvidenceMetadata
    metadataHash: Bytes32
    salt: Bytes32
    digest: Bytes32
  }
  credentialStatus: { type: 'RegistryStatus'; chainId: number; registry: Address }
  proof: [IssuerProof] | [IssuerProof, RecordReceipt]
  /** keccak256 of the canonical form of all the rest. */
  integrity: Bytes32
}

export interface CredentialContent {
  chainId: number
  registry: Address
  issuer: Address
  credentialId: Serial
  /** sha256 of the content's bytes. */
  contentHash: Bytes32
  metadata: EvidenceMetadata
  salt: Bytes32
  /** `YYYY-MM-DDTHH:MM:SSZ`, as `created`. */
  validFrom: string
  /** Unix seconds; zero when the digest is on chain already. */
  recordBy: number
  created: string
}

/**
 * Makes a pending credential.
 * @param sign the issuer's signature of a 32-byte hash as it stands: 65 bytes r ‖ s ‖ v
 * @throws EVIDENCE_METADATA_INVALID, CREDENTIAL_INVALID
 */
export function issueCredential(
  content: CredentialContent,
  sign: (hash: Bytes32) => Hex,
): EvidenceCredential {
  const { chainId, registry, issuer, credentialId, contentHash, salt, validFrom, recordBy, created } = content
  const metadata = checkEvidenceMetadata(content.metadata)
  const metadataHash = metadataHashOf(metadata)
  const did = issuerDid(chainId, issuer)
  const digest = evidenceDigest({ chainId, registry, credentialId, issuer, contentHash, metadataHash, salt })
  const document: Omit<EvidenceCredential, 'proof' | 'integrity'> = {
    '@context': CREDENTIAL_CONTEXT,
    id: `urn:ulid:${credentialId}`,
    type: ['VerifiableCredential', 'EvidenceCredential'],
    issuer: did,
    validFrom,
    ...(metadata.validUntil === undefined ? {} : { validUntil: metadata.validUntil }),
    credentialSubject: { type: 'Evidence', contentHash, metadata, metadataHash, salt, digest },
    credentialStatus: { type: 'RegistryStatus', chainId, registry },
  }
  const options: Omit<IssuerProof, 'proofValue'> = {
    type: 'DataIntegrityProof',
    cryptosuite: CREDENTIAL_CRYPTOSUITE,
    created,
    verificationMethod: verificationMethodOf(did),
    proofPurpose: 'assertionMethod',
    recordBy,
  }
  const signature = sign(
    issuanceHash({
      chainId,
      registry,
      credentialId,
      issuer,
      digest,
      documentHash: keccak256Hex(canonicalBytes(document)),
      proofHash: keccak256Hex(canonicalBytes(options)),
    }),
  )
  const proofValue = `u${toBase64Url(hexToBytes(signature, 65))}`
  return checkCredential(withIntegrity({ ...document, proof: [{ ...options, proofValue }] }))
}

/**
 * Adds where the digest stands on chain. Nothing that was signed changes; the file's integrity hash does.
 * @param receipt its event as `createEventProver` makes it; the transaction's hash, which nothing proves, is left out
 * @throws CREDENTIAL_INVALID when the credential has a receipt already
 */
export function withRecordReceipt(
  credential: EvidenceCredential,
  {
    tier,
    event,
    leafProof,
  }: { tier: CredentialTier; event: EventProof | ReceiptEvent; leafProof?: Bytes32[] },
): EvidenceCredential {
  const { integrity: _integrity, proof, ...document } = credential
  if (proof.length !== 1)
    throw new CountersignError('CREDENTIAL_INVALID', 'the credential has a receipt already')
  const { transactionHash: _hash, ...proven } = event as EventProof
  const receipt: RecordReceipt = {
    type: 'RecordReceipt',
    tier,
    event: proven,
    ...(leafProof === undefined ? {} : { leafProof }),
  }
  return checkCredential(withIntegrity({ ...document, proof: [proof[0], receipt] }))
}

/** The bytes of the credential's file. */
export const serializeCredential = (credential: EvidenceCredential): string => serializeProofFile(credential)

/**
 * Reads a credential file: one byte form, the data model's rules and ours. What it proves is for `verifyCredential` to say.
 * @throws PROOF_FILE_MALFORMED, PROOF_FILE_ALTERED, CREDENTIAL_INVALID
 */
export const parseCredential = (file: Uint8Array | string): EvidenceCredential =>
  checkCredential(parseProofFile(file))

/** @throws CREDENTIAL_INVALID naming the member */
export function checkCredential(value: unknown): EvidenceCredential {
  checkCredentialDocument(value)
  return checkEvidenceCredential(value)
}

export interface ReadCredential {
  chainId: number
  registry: Address
  issuer: Address
  credentialId: Serial
  contentHash: Bytes32
  metadata: EvidenceMetadata
  metadataHash: Bytes32
  salt: Bytes32
  digest: Bytes32
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  validFrom: string
  validUntil: string | null
  /** Unix seconds; zero when it was on chain before. */
  recordBy: number
  /** 65 bytes. */
  signature: Hex
  /** Null while the credential is pending. */
  receipt: RecordReceipt | null
}

/** What a credential read with {@link parseCredential} says, flat. */
export function readCredential(credential: EvidenceCredential): ReadCredential {
  const { credentialSubject: subject, credentialStatus: status, proof } = credential
  return {
    chainId: status.chainId,
    registry: status.registry,
    issuer: readIssuerDid(credential.issuer)!.issuer,
    credentialId: credential.id.slice('urn:ulid:'.length),
    contentHash: subject.contentHash,
    metadata: subject.metadata,
    metadataHash: subject.metadataHash,
    salt: subject.salt,
    digest: subject.digest,
    validFrom: credential.validFrom,
    validUntil: credential.validUntil ?? null,
    recordBy: proof[0].recordBy,
    signature: bytesToHex(fromBase64Url(proof[0].proofValue.slice(1))!),
    receipt: proof[1] ?? null,
  }
}

/** Refuses a credential that another issuer made, or for another chain or registry. @throws CREDENTIAL_FOREIGN */
export function checkCredentialPlace(
  credential: Pick<ReadCredential, 'chainId' | 'registry' | 'issuer'>,
  here: { chainId: number; registry: Address; issuer?: Address },
): void {
  for (const member of ['chainId', 'registry', 'issuer'] as const)
    if (here[member] !== undefined && credential[member] !== here[member])
      throw new CountersignError(
        'CREDENTIAL_FOREIGN',
        `the credential's ${member} is ${credential[member]}, not ${here[member]}`,
      )
}
