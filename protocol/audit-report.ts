import { isAnswerStatementSigned } from './answer-statement.ts'
import { isAuditStatementSigned } from './audit-statement.ts'
import { canonicalBytes, canonicalJson } from './canonical-json.ts'
import { CountersignError } from './errors.ts'
import type { EventProof } from './event-proof.ts'
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
} from './file-shape.ts'
import { type Address, type Bytes32, type Hex, keccak256Hex } from './hex.ts'
import { parseProofFile, serializeProofFile, withIntegrity } from './proof-file.ts'
import { verifyResultRecorded } from './record-proof.ts'
import { PARTICIPANT_STATUSES, type ParticipantStatus } from './roles.ts'
import type { Serial } from './serial.ts'
import { recoverSigner, signHash } from './signature.ts'
import { compileTypes, domainSeparator, typedDataDigest } from './typed-data.ts'
import {
  type AnswerNow,
  type AuditEvidence,
  deriveVerdict,
  type GivenAnswer,
  VERDICTS,
  type Verdict,
} from './verdict.ts'
import { type Check, Checklist } from './verification.ts'

export const AUDIT_REPORT_MEDIA_TYPE = 'application/vnd.countersign.audit-report+json'

/** What an audit found: the three digests (given, on chain, now), each with its proof. No result and no salt is in it. */
export interface AuditFindings {
  serial: Serial
  chainId: number
  registry: Address
  provider: Address
  /** Who audited: the proxy. */
  auditor: Address
  given: GivenAnswer | null
  recorded: { digest: Bytes32; proof: EventProof } | null
  searchedTo: { blockNumber: number; blockHash: Bytes32; timestamp: number }
  /** Blocks after which a block is final. */
  finalityDepth: number
  now: AnswerNow
  authorStatus: ParticipantStatus
  /** Unix seconds. */
  auditedAt: number
}
interface UnsignedReport extends AuditFindings {
  format: typeof AUDIT_REPORT_MEDIA_TYPE
  version: 1
  verdict: Verdict
  rule: string
  findings: string[]
}
/** A signed audit report: the findings, the verdict that follows from them, and the rule by which it does. */
export interface AuditReport extends UnsignedReport {
  /** The auditor's over the EIP-712 struct `AuditReport(bytes32 contentHash)`, content being all the rest but `integrity`. */
  signature: Hex
  integrity: Bytes32
}

const REPORT = compileTypes({ AuditReport: [{ name: 'contentHash', type: 'bytes32' }] })
const SEPARATOR = domainSeparator({ name: 'Countersign', version: '1' })

const REPORT_SHAPE: Shape = {
  format: isOneOf(AUDIT_REPORT_MEDIA_TYPE),
  version: isOneOf(1),
  serial: isSerial,
  chainId: isCount,
  registry: isAddress,
  provider: isAddress,
  auditor: isAddress,
  given: isNullOr(
    isShaped({ digest: isHash, answeredAt: isCount, recordBy: isCount, signature: isSignature }),
  ),
  recorded: isNullOr(isShaped({ digest: isHash, proof: isObject })),
  searchedTo: isShaped({ blockNumber: isCount, blockHash: isHash, timestamp: isCount }),
  finalityDepth: isCount,
  now: isObject,
  authorStatus: isOneOf(...PARTICIPANT_STATUSES),
  auditedAt: isCount,
  verdict: isOneOf(...VERDICTS),
  rule: isText,
  findings: isTextList,
  signature: isSignature,
  integrity: isHash,
}
const ANSWERED_NOW: Shape = {
  outcome: isOneOf('answered'),
  storedDigest: isHash,
  derivedDigest: isHash,
  nonce: isHash,
  answeredAt: isCount,
  signature: isSignature,
}
const UNREACHABLE_NOW: Shape = { outcome: isOneOf('unreachable'), reason: isText }

/** Derives the verdict from what was found, and signs all of it. @throws PROOF_INVALID when the record's own proof fails */
export async function assembleAuditReport(found: AuditFindings, auditorKey: Bytes32): Promise<AuditReport> {
  const verdict = deriveVerdict(await evidenceOf(found))
  const unsigned: UnsignedReport = { format: AUDIT_REPORT_MEDIA_TYPE, version: 1, ...found, ...verdict }
  return withIntegrity({ ...unsigned, signature: signHash(reportHash(unsigned), auditorKey) })
}

/** The bytes of the report's file. */
export const serializeAuditReport = (report: AuditReport): string => serializeProofFile(report)

/** @throws PROOF_FILE_MALFORMED, PROOF_FILE_ALTERED, PROOF_FILE_INVALID */
export function parseAuditReport(file: Uint8Array | string): AuditReport {
  const report = parseProofFile(file) as unknown as AuditReport
  checkShape(report, REPORT_SHAPE, 'audit report')
  checkShape(
    report.now,
    report.now.outcome === 'answered' ? ANSWERED_NOW : UNREACHABLE_NOW,
    'audit report: now',
  )
  return report
}

export interface AuditReportVerification {
  /** Null when a check failed: then the report proves nothing. */
  verdict: Verdict | null
  checks: Check[]
}

/** Verifies a report that was read with {@link parseAuditReport}, without a network: every signature, the proof, and that the verdict follows. */
export async function verifyAuditReport(report: AuditReport): Promise<AuditReportVerification> {
  const list = new Checklist()
  await list.run('auditor', () => checkAuditor(report))
  await checkGiven(list, report)
  await checkRecorded(list, report)
  await checkNow(list, report)
  await list.run('verdict', async () => {
    const derived = deriveVerdict(await evidenceOf(report))
    if (
      derived.verdict !== report.verdict ||
      derived.rule !== report.rule ||
      canonicalJson(derived.findings) !== canonicalJson(report.findings)
    )
      throw new CountersignError(
        'AUDIT_REPORT_INVALID',
        `the evidence gives ${derived.verdict} (${derived.rule}), the report says ${report.verdict} (${report.rule})`,
      )
    return `${report.verdict}, by the rule ${report.rule}`
  })
  return { verdict: list.failed ? null : report.verdict, checks: list.checks }
}

function checkAuditor(report: AuditReport): string {
  const { signature, integrity: _integrity, ...unsigned } = report
  const signer = recoverSigner(reportHash(unsigned), signature)
  if (signer !== report.auditor)
    throw new CountersignError(
      'AUDIT_REPORT_INVALID',
      `the report is signed by ${signer}, not by the auditor ${report.auditor}`,
    )
  return `${report.auditor} signed the report`
}

async function checkGiven(list: Checklist, report: AuditReport): Promise<void> {
  const { given } = report
  if (given === null) return list.skip('given', 'the provider gave the user no answer')
  await list.run('given', () => {
    if (!isAnswerStatementSigned({ ...report, ...given }, given.signature))
      throw new CountersignError(
        'AUDIT_REPORT_INVALID',
        `the answer given is not signed by ${report.provider}`,
      )
    return `${report.provider} gave the user ${given.digest}`
  })
}

async function checkRecorded(list: Checklist, report: AuditReport): Promise<void> {
  const { recorded } = report
  if (recorded === null)
    return list.skip('recorded', 'nothing on chain; absence is checked with a node of the chain')
  await list.run('recorded', async () => {
    const proven = await verifyResultRecorded(recorded.proof, report)
    if (proven.digest !== recorded.digest)
      throw new CountersignError(
        'AUDIT_REPORT_INVALID',
        `the proof is of ${proven.digest}, the report says ${recorded.digest}`,
      )
    return `block ${proven.blockNumber} (${proven.blockHash}) recorded ${proven.digest}`
  })
}

async function checkNow(list: Checklist, report: AuditReport): Promise<void> {
  const { now } = report
  if (now.outcome === 'unreachable')
    return list.skip('now', `the provider gave no usable answer: ${now.reason}`)
  await list.run('now', () => {
    if (!isAuditStatementSigned({ ...report, ...now }, now.signature))
      throw new CountersignError(
        'AUDIT_REPORT_INVALID',
        `the answer to the audit is not signed by ${report.provider}`,
      )
    return `${report.provider} now says ${now.storedDigest}, derived anew ${now.derivedDigest}`
  })
}

async function evidenceOf(found: AuditFindings): Promise<AuditEvidence> {
  const proven = found.recorded && (await verifyResultRecorded(found.recorded.proof, found))
  return { ...found, recorded: proven }
}

const reportHash = (unsigned: UnsignedReport): Bytes32 =>
  typedDataDigest(
    SEPARATOR,
    REPORT.hashStruct('AuditReport', { contentHash: keccak256Hex(canonicalBytes(unsigned)) }),
  )
