import { createReadStream } from 'node:fs'
import { AUDIT_REPORT_MEDIA_TYPE, parseAuditReport, verifyAuditReport } from '../protocol/audit-report.ts'
import { confirmAuditReport, confirmReceipt } from '../protocol/chain-confirmation.ts'
import { CountersignError, isCountersignError } from '../protocol/errors.ts'
import { MAX_PROOF_FILE_BYTES, parseProofFile } from '../protocol/proof-file.ts'
import { parseReceipt, RECEIPT_MEDIA_TYPE, verifyReceipt } from '../protocol/receipt.ts'
import type { Verdict } from '../protocol/verdict.ts'
import type { Check } from '../protocol/verification.ts'
import { wholeNumber } from './cli/arguments.ts'
import { EXIT, type ExitCode, exitCodeOf } from './cli/exit-code.ts'
import { printChecks, printJson, say } from './cli/output.ts'
import { createCommand, runCommand, VERDICT_EXIT_CODES } from './cli/run.ts'

interface Options {
  rpc?: string
  finalityDepth: number
  json?: boolean
}
interface Verification {
  kind: 'receipt' | 'audit report'
  serial: string
  provider: string
  /** Null when the file proves nothing. */
  verdict: Verdict | null
  checks: Check[]
}

const REFUSALS: ReadonlySet<string> = new Set([
  'PROOF_FILE_ALTERED',
  'PROOF_FILE_INVALID',
  'PROOF_FILE_MALFORMED',
])

const command = createCommand(
  'verify',
  'Verifies a receipt or an audit report file: offline up to the block hash, and with --rpc against the chain.',
  VERDICT_EXIT_CODES,
)
  .argument('<file>', 'the file, byte for byte as it was handed out')
  .option('--rpc <url>', 'JSON-RPC endpoint of a node of that chain, one that you trust')
  .option(
    '--finality-depth <blocks>',
    'blocks after which a block counts as final',
    wholeNumber(0, 999_999),
    0,
  )
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  let verification: Verification
  try {
    verification = await verifyFile(await readFileBounded(command.args[0]!), options)
  } catch (error) {
    if (!isCountersignError(error) || !REFUSALS.has(error.code)) throw error
    return refuse(error, options)
  }
  return report(verification, options)
})

async function readFileBounded(name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    // One byte past the bound tells a file that is too long, without reading the rest of it.
    for await (const chunk of createReadStream(name, { end: MAX_PROOF_FILE_BYTES })) {
      chunks.push(chunk)
      length += chunk.length
    }
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${name}: ${(cause as Error).message}`, { cause })
  }
  if (length > MAX_PROOF_FILE_BYTES)
    throw new CountersignError(
      'PROOF_FILE_MALFORMED',
      `${name} is longer than the ${MAX_PROOF_FILE_BYTES} bytes that a file may have`,
    )
  return Buffer.concat(chunks)
}

async function verifyFile(file: Uint8Array, options: Options): Promise<Verification> {
  const { format } = parseProofFile(file)
  if (format === RECEIPT_MEDIA_TYPE) return verifyReceiptFile(file, options)
  if (format === AUDIT_REPORT_MEDIA_TYPE) return verifyAuditReportFile(file, options)
  throw new CountersignError(
    'PROOF_FILE_INVALID',
    'the format is neither of a receipt nor of an audit report',
  )
}

async function verifyReceiptFile(file: Uint8Array, { rpc, finalityDepth }: Options): Promise<Verification> {
  const receipt = parseReceipt(file)
  const offline = await verifyReceipt(receipt)
  const verified =
    rpc === undefined
      ? offline
      : await withChain(rpc, (chain) => confirmReceipt(receipt, offline, chain, { finalityDepth }))
  return { kind: 'receipt', serial: receipt.serial, provider: receipt.author, ...verified }
}

async function verifyAuditReportFile(file: Uint8Array, { rpc }: Options): Promise<Verification> {
  const report = parseAuditReport(file)
  const { verdict, checks } = await verifyAuditReport(report)
  const verified: Verification = {
    kind: 'audit report',
    serial: report.serial,
    provider: report.provider,
    verdict,
    checks,
  }
  if (rpc === undefined || verdict === null) return verified
  const confirmation = await withChain(rpc, (chain) => confirmAuditReport(report, checks, chain))
  return { ...verified, checks: confirmation.checks, verdict: confirmation.confirmed ? verdict : null }
}

type RpcChainReader = ReturnType<typeof import('./cli/rpc-chain-reader.ts').createRpcChainReader>

async function withChain<T>(url: string, read: (chain: RpcChainReader) => Promise<T>): Promise<T> {
  // Loaded only when asked for: without a chain the verifier is a hash function and a curve, and starts at once.
  const { createRpcChainReader } = await import('./cli/rpc-chain-reader.ts')
  const chain = createRpcChainReader(url)
  try {
    return await read(chain)
  } finally {
    chain.close()
  }
}

function refuse(error: CountersignError, { json }: Options): ExitCode {
  if (json) printJson({ valid: false, code: error.code, reason: error.message })
  else say(`REFUSED: ${error.message} (${error.code})\n${error.action}`)
  return EXIT.contradicted
}

function report({ checks, ...verified }: Verification, { json, rpc }: Options): ExitCode {
  const valid = verified.verdict !== null
  const scope = rpc === undefined ? 'offline, up to the block hash' : 'with a node of the chain'
  if (json) printJson({ valid, ...verified, scope, checks })
  else {
    printChecks(checks)
    process.stdout.write(
      valid
        ? `${verified.kind} of serial ${verified.serial}, provider ${verified.provider}: ${verified.verdict} (${scope})\n`
        : `REFUSED: this ${verified.kind} does not prove what it says\n`,
    )
  }
  return verified.verdict === null ? EXIT.contradicted : exitCodeOf(verified.verdict)
}
