import { canonicalBytes, canonicalJson } from '../canonical-json.ts'
import { CountersignError } from '../errors.ts'
import {
  checkShape,
  isAddress,
  isCount,
  isHash,
  isNullOr,
  isObject,
  isOneOf,
  isSerial,
  isShaped,
  isSignature,
  isText,
  isTextList,
  type Shape,
} from '../file-shape.ts'
import { type Address, type Bytes32, type Hex, keccak256Hex } from '../hex.ts'
import { parseProofFile, serializeProofFile, withIntegrity } from '../proof-file.ts'
import { registrySeparator } from '../registry-domain.ts'
import type { Serial } from '../serial.ts'
import { recoverSigner } from '../signature.ts'
import { compileTypes, typedDataDigest } from '../typed-data.ts'
import { type Check, Checklist } from '../verification.ts'
import { CREDENTIAL_TIERS } from './credential-event.ts'
import { credentialKey } from './credential-key.ts'
import {
  deriveEvidenceVerdict,
  EVIDENCE_VERDICTS,
  type EvidenceVerdict,
  type VerdictEvidence,
} from './evidence-verdict.ts'

export const EVIDENCE_STATEMENT_MEDIA_TYPE = 'application/vnd.countersign.evidence-statement+json'

/** What an issuer found when it verified what it keeps. */
export interface EvidenceStatementContent {
  chainId: number
  registry: Address
  issuer: Address
  credentialId: Serial
  evidence: VerdictEvidence
  /** Unix seconds, by the issuer's clock. */
  checkedAt: number
}

/** The same with the verdict that follows, signed. Neither content, metadata nor salt is in it. */
export interface EvidenceStatement extends EvidenceStatementContent {
  format: typeof EVIDENCE_STATEMENT_MEDIA_TYPE
  version: 1
  verdict: EvidenceVerdict
  rule: string
  findings: string[]
  /** The issuer's over `EvidenceStatement(…)`, content being all the rest but `integrity`. */
  signature: Hex
  integrity: Bytes32
}

const STATEMENT = compileTypes({
  EvidenceStatement: [
    { name: 'credentialId', type: 'bytes32' },
    { name: 'issuer', type: 'address' },
    { name: 'checkedAt', type: 'uint64' },
    { name: 'statementHash', type: 'bytes32' },
  ],
})

const SHAPE: Shape = {
  format: isOneOf(EVIDENCE_STATEMENT_MEDIA_TYPE),
  version: isOneOf(1),
  chainId: isCount,
  registry: isAddress,
  issuer: isAddress,
  credentialId: isSerial,
  evidence: isShaped({
    kept: isObject,
    signedDigest: isHash,
    recorded: isNullOr(
      isShaped({ digest: isHash, blockNumber: isCount, tier: isOneOf(...CREDENTIAL_TIERS) }),
    ),
    revocation: isNullOr(isShaped({ reason: isText, blockNumber: isCount })),
    expiresAt: isNullOr(isCount),
    now: isCount,
    searchedTo: isShaped({ blockNumber: isCount, timestamp: isCount }),
    finalityDepth: isCount,
  }),
  checkedAt: isCount,
  verdict: isOneOf(...EVIDENCE_VERDICTS),
  rule: isText,
  findings: isTextList,
  signature: isSignature,
  integrity: isHash,
}
const KEPT: Shape = {
  state: isOneOf('kept'),
  contentHashNow: isHash,
  metadataHashNow: isHash,
  digestNow: isHash,
}
const NOT_KEPT: Shape = { state: isOneOf('missing', 'erased') }

/**
 * Derives the verdict from what was found, and signs all of it.
 * @param sign the issuer's signature of a 32-byte hash as it stands: 65 bytes r ‖ s ‖ v
 * @throws PROOF_FILE_INVALID when the evidence has not the form it must have
 */
export function assembleEvidenceStatement(
  { chainId, registry, issuer, credentialId, evidence, checkedAt }: EvidenceStatementContent,
  sign: (hash: Bytes32) => Hex,
): EvidenceStatement {
  const unsigned = {
    format: EVIDENCE_STATEMENT_MEDIA_TYPE,
    version: 1,
    ...{ chainId, registry, issuer, credentialId, evidence, checkedAt },
    ...deriveEvidenceVerdict(evidence),
  } as const
  return checkEvidenceStatement(withIntegrity({ ...unsigned, signature: sign(statementHash(unsigned)) }))
}

/** The bytes of the statement's file. */
export const serializeEvidenceStatement = (statement: EvidenceStatement): string =>
  serializeProofFile(statement)

/** @throws PROOF_FILE_MALFORMED, PROOF_FILE_ALTERED, PROOF_FILE_INVALID */
export const parseEvidenceStatement = (file: Uint8Array | string): EvidenceStatement =>
  checkEvidenceStatement(parseProofFile(file))

export interface EvidenceStatementVerification {
  /** Null when a check failed: then the statement says nothing. */
  verdict: EvidenceVerdict | null
  checks: Check[]
}

/**
 * Verifies a statement that was read with {@link parseEvidenceStatement}, without a network: who signed it, and that the verdict
 * follows from the evidence. What it says of the chain is for a node to confirm.
 */
export async function verifyEvidenceStatement(
  statement: EvidenceStatement,
): Promise<EvidenceStatementVerification> {
  const list = new Checklist()
  await list.run('document', () => checkDocument(statement))
  await list.run('signature', () => checkSigner(statement))
  await list.run('verdict', () => checkVerdict(statement))
  return { verdict: list.failed ? null : statement.verdict, checks: list.checks }
}

function checkDocument(statement: EvidenceStatement): string {
  const { integrity, ...content } = checkEvidenceStatement(statement)
  if (withIntegrity(content).integrity !== integrity)
    throw new CountersignError('PROOF_FILE_ALTERED', 'the content does not hash to the integrity hash')
  return 'an evidence statement, whole'
}

function checkSigner(statement: EvidenceStatement): string {
  const { signature, integrity: _integrity, ...unsigned } = statement
  const signer = recoverSigner(statementHash(unsigned), signature)
  if (signer !== statement.issuer)
    throw new CountersignError(
      'PROOF_INVALID',
      `the statement is signed by ${signer}, not by the issuer ${statement.issuer}`,
    )
  return `${statement.issuer} signed the statement`
}

function checkVerdict(statement: EvidenceStatement): string {
  const derived = deriveEvidenceVerdict(statement.evidence)
  const { verdict, rule, findings } = statement
  if (canonicalJson(derived) !== canonicalJson({ verdict, rule, findings }))
    throw new CountersignError(
      'PROOF_INVALID',
      `the evidence gives ${derived.verdict} (${derived.rule}), the statement says otherwise`,
    )
  return `${statement.verdict}, by the rule ${statement.rule}`
}

function checkEvidenceStatement(value: unknown): EvidenceStatement {
  checkShape(value, SHAPE, 'evidence statement')
  const statement = value as EvidenceStatement
  const { kept, now, searchedTo } = statement.evidence
  checkShape(kept, kept.state === 'kept' ? KEPT : NOT_KEPT, 'evidence statement: kept')
  // One clock for everybody: whether the credential had expired is asked of the block searched to.
  if (now !== searchedTo.timestamp)
    throw new CountersignError(
      'PROOF_FILE_INVALID',
      'evidence statement: now is not the time of the block searched to',
    )
  return statement
}

const statementHash = (unsigned: Omit<EvidenceStatement, 'signature' | 'integrity'>): Bytes32 =>
  typedDataDigest(
    registrySeparator({ chainId: unsigned.chainId, registry: unsigned.registry }),
    STATEMENT.hashStruct('EvidenceStatement', {
      credentialId: credentialKey(unsigned.credentialId),
      issuer: unsigned.issuer,
      checkedAt: unsigned.checkedAt,
      statementHash: keccak256Hex(canonicalBytes(unsigned)),
    }),
  )
