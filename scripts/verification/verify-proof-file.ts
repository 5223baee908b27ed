import { AUDIT_REPORT_MEDIA_TYPE, parseAuditReport, verifyAuditReport } from '../../protocol/audit-report.ts'
import { confirmAuditReport, confirmReceipt } from '../../protocol/chain-confirmation.ts'
import {
  EVIDENCE_STATEMENT_MEDIA_TYPE,
  parseEvidenceStatement,
  verifyEvidenceStatement,
} from '../../protocol/credentials/evidence-statement.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { parseProofFile } from '../../protocol/proof-file.ts'
import { parseReceipt, RECEIPT_MEDIA_TYPE, verifyReceipt } from '../../protocol/receipt.ts'
import type { Verdict } from '../../protocol/verdict.ts'
import type { Check } from '../../protocol/verification.ts'
import { EXIT, type ExitCode, exitCodeOf, exitCodeOfEvidence } from '../cli/exit-code.ts'

export interface ProofFileOptions {
  /** A node of the chain; without one the file is verified up to the block hash. */
  rpc: string | undefined
  finalityDepth: number
}
/** What a receipt, an audit report or a statement comes to. */
export interface ProofFileVerification {
  kind: 'receipt' | 'audit report' | 'evidence statement'
  /** Of whom and what it is, by the names of its members. */
  about: Record<string, string>
  /** Null when the file proves nothing. */
  verdict: string | null
  checks: readonly Check[]
  exitCode: ExitCode
}

/** @throws PROOF_FILE_MALFORMED, PROOF_FILE_ALTERED, PROOF_FILE_INVALID, CHAIN_UNREACHABLE */
export async function verifyProofFile(
  file: Uint8Array,
  options: ProofFileOptions,
): Promise<ProofFileVerification> {
  const { format } = parseProofFile(file)
  if (format === RECEIPT_MEDIA_TYPE) return verifyReceiptFile(file, options)
  if (format === AUDIT_REPORT_MEDIA_TYPE) return verifyAuditReportFile(file, options)
  if (format === EVIDENCE_STATEMENT_MEDIA_TYPE) return verifyStatementFile(file)
  throw new CountersignError(
    'PROOF_FILE_INVALID',
    'it is no receipt, audit report, credential or evidence statement',
  )
}

async function verifyReceiptFile(
  file: Uint8Array,
  { rpc, finalityDepth }: ProofFileOptions,
): Promise<ProofFileVerification> {
  const receipt = parseReceipt(file)
  const offline = await verifyReceipt(receipt)
  const { verdict, checks } =
    rpc === undefined
      ? offline
      : await withChain(rpc, (chain) => confirmReceipt(receipt, offline, chain, { finalityDepth }))
  const about = { serial: receipt.serial, provider: receipt.author }
  return { kind: 'receipt', about, verdict, checks, exitCode: exitCodeOfVerdict(verdict) }
}

async function verifyAuditReportFile(
  file: Uint8Array,
  { rpc }: ProofFileOptions,
): Promise<ProofFileVerification> {
  const report = parseAuditReport(file)
  let { verdict, checks } = await verifyAuditReport(report)
  if (rpc !== undefined && verdict !== null) {
    const confirmation = await withChain(rpc, (chain) => confirmAuditReport(report, checks, chain))
    checks = confirmation.checks
    if (!confirmation.confirmed) verdict = null
  }
  const about = { serial: report.serial, provider: report.provider }
  return { kind: 'audit report', about, verdict, checks, exitCode: exitCodeOfVerdict(verdict) }
}

async function verifyStatementFile(file: Uint8Array): Promise<ProofFileVerification> {
  const statement = parseEvidenceStatement(file)
  const { verdict, checks } = await verifyEvidenceStatement(statement)
  const { credentialId, issuer, rule, checkedAt } = statement
  const about = { credentialId, issuer, rule, checkedAt: new Date(checkedAt * 1000).toISOString() }
  const exitCode = verdict === null ? EXIT.contradicted : exitCodeOfEvidence(verdict)
  return { kind: 'evidence statement', about, verdict, checks, exitCode }
}

const exitCodeOfVerdict = (verdict: Verdict | null): ExitCode =>
  verdict === null ? EXIT.contradicted : exitCodeOf(verdict)

type RpcChainReader = ReturnType<typeof import('../cli/rpc-chain-reader.ts').createRpcChainReader>

async function withChain<T>(url: string, read: (chain: RpcChainReader) => Promise<T>): Promise<T> {
  // Loaded only when asked for: without a chain the verifier is a hash function and a curve, and starts at once.
  const { createRpcChainReader } = await import('../cli/rpc-chain-reader.ts')
  const chain = createRpcChainReader(url)
  try {
    return await read(chain)
  } finally {
    chain.close()
  }
}
