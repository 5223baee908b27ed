import { type CountersignError, isCountersignError } from '../protocol/errors.ts'
import type { Bytes32 } from '../protocol/hex.ts'
import { parseProofFile } from '../protocol/proof-file.ts'
import { wholeNumber } from './cli/arguments.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printChecks, printJson, say, visible } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { readProofFile } from './verification/read-proof-file.ts'
import { type ProofFileVerification, verifyProofFile } from './verification/verify-proof-file.ts'

interface Options {
  rpc: string[]
  finalityDepth?: number
  file?: string
  server?: boolean
  offline?: boolean
  addressBook?: string
  save?: string
  atOnce: number
  json?: boolean
}

const REFUSALS: ReadonlySet<string> = new Set([
  'PROOF_FILE_ALTERED',
  'PROOF_FILE_INVALID',
  'PROOF_FILE_MALFORMED',
])

const command = createCommand(
  'verify',
  'Verifies what was handed out: credentials of documents, folders of them, statements, receipts, audit reports. Each by itself up to the\n' +
    'block hash; a credential also with the evidence server that is known (COUNTERSIGN_EVIDENCE_URL, COUNTERSIGN_EVIDENCE_API_KEY, or npm\n' +
    'start), which reads again what it keeps, or with --file against a file here, asking nodes alone.',
  `0 consistent, intact, 1 error, 2 contradicted (tampered, revoked, expired; changed, misreported, late, suspended-author; altered
file), 3 not found (missing, unconfirmed, erased; unrecorded)`,
)
  .argument('<path...>', 'files, byte for byte as they were handed out, and folders of credentials')
  .option('--file <file>', 'hold the credential against this file; nothing of it is sent anywhere')
  .option('--server', 'with --file or --rpc: ask the evidence server, too')
  .option('--offline', 'ask nobody')
  .option(
    '--rpc <url>',
    'JSON-RPC endpoint of a node that you trust; may be given several times',
    (url, urls: string[]) => [...urls, url],
    [] as string[],
  )
  .option(
    '--address-book <file>',
    'where registry, directory and nodes of credentials are named; default COUNTERSIGN_ADDRESS_BOOK, or the one of npm start',
  )
  .option(
    '--finality-depth <blocks>',
    'blocks after which a block counts as final; default 0, of credentials what the address book says',
    wholeNumber(0, 999_999),
  )
  .option('--save <folder>', "write the server's signed statements there")
  .option('--at-once <count>', 'credentials that are verified at once, 1 to 32', wholeNumber(1, 32), 4)
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const [first, ...others] = command.args
  if (options.file !== undefined && others.length > 0) command.error('error: --file goes with one credential')
  if (others.length === 0) {
    const single = await findProofFile(first!)
    if (single !== undefined) return verifyAlone(single, options)
  }
  return verifyCredentials(options)
})

interface ProofFile {
  bytes: Uint8Array
  /** False: what is wrong with it is said by whoever reads it next. */
  isReadable: boolean
}

/** A file that is no credential; undefined for a credential or a folder. */
async function findProofFile(name: string): Promise<ProofFile | undefined> {
  const { statSync } = await import('node:fs')
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory()) return undefined
  const bytes = await readProofFile(name)
  try {
    return '@context' in parseProofFile(bytes) ? undefined : { bytes, isReadable: true }
  } catch {
    return { bytes, isReadable: false }
  }
}

async function verifyAlone({ bytes, isReadable }: ProofFile, options: Options): Promise<ExitCode> {
  const { rpc, finalityDepth = 0 } = options
  if (rpc.length > 1) command.error('error: a receipt or report is verified with one --rpc')
  // Of one that was altered it is said below that it was, rather than that it is no credential.
  if (options.file !== undefined && isReadable) command.error('error: --file goes with a credential')
  let verification: ProofFileVerification
  try {
    verification = await verifyProofFile(bytes, { rpc: rpc[0], finalityDepth })
  } catch (error) {
    if (!isCountersignError(error) || !REFUSALS.has(error.code)) throw error
    return refuse(error, options)
  }
  return report(verification, options)
}

function refuse(error: CountersignError, { json }: Options): ExitCode {
  if (json) printJson({ valid: false, code: error.code, reason: error.message })
  else say(`REFUSED: ${error.message} (${error.code})\n${error.action}`)
  return EXIT.contradicted
}

function report(
  { kind, about, verdict, checks, exitCode }: ProofFileVerification,
  options: Options,
): ExitCode {
  const valid = verdict !== null
  const scope = options.rpc.length === 0 ? 'offline, up to the block hash' : 'with a node of the chain'
  if (options.json) printJson({ valid, kind, ...about, verdict, scope, checks })
  else {
    const subject = Object.entries(about).map(([member, value]) => `${member} ${value}`)
    printChecks(checks)
    process.stdout.write(
      valid
        ? `${kind} of ${subject.join(', ')}: ${verdict} (${scope})\n`
        : `REFUSED: this ${kind} does not prove what it says\n`,
    )
  }
  return exitCode
}

async function verifyCredentials(options: Options): Promise<ExitCode> {
  const { json = false, atOnce } = options
  const { findCredentialFiles } = await import('./evidence/credential-files.ts')
  const { CredentialVerifier } = await import('./evidence/credential-verifier.ts')
  const { reportOutcome, reportOutcomes } = await import('./evidence/report-outcomes.ts')
  const { files, leftOut, hasFolder } = await findCredentialFiles(command.args)
  for (const { file, reason } of leftOut) say(visible(`left out: ${file}: ${reason}`))
  const asked = await whomToAsk(options)
  try {
    const verifier = new CredentialVerifier({
      ...asked,
      ...(await contentOf(options)),
      ...statementsOf(options),
    })
    const outcomes = await verifyAll(files, (file) => verifier.verify(file), atOnce)
    const isOne = outcomes.length === 1 && !hasFolder
    const exitCode = isOne ? reportOutcome(outcomes[0]!, json) : reportOutcomes(outcomes, json)
    return leftOut.length > 0 && exitCode === EXIT.consistent ? EXIT.error : exitCode
  } finally {
    await asked.client?.close()
  }
}

/** In the order of the files, so many at once; the first error ends it. */
async function verifyAll<T>(
  files: readonly string[],
  verify: (file: string) => Promise<T>,
  atOnce: number,
): Promise<T[]> {
  const outcomes: T[] = []
  let next = 0
  let isEnded = false
  const work = async (): Promise<void> => {
    for (let n = next++; n < files.length && !isEnded; n = next++) outcomes[n] = await verify(files[n]!)
  }
  await Promise.all(
    Array.from({ length: atOnce }, () =>
      work().catch((error) => {
        isEnded = true
        throw error
      }),
    ),
  )
  return outcomes
}

/** The server and the nodes that are asked: nobody offline; the server where one is known, unless a file or a node is named. */
async function whomToAsk({ file, server, offline, rpc, addressBook, finalityDepth }: Options) {
  if (offline && (server || file !== undefined || rpc.length > 0))
    command.error('error: --offline asks nobody: neither --server nor --file nor --rpc goes with it')
  if (offline) return {}
  const { connectEvidence, findEvidence } = await import('./cli/connection.ts')
  const isNamed = file !== undefined || rpc.length > 0
  const client = server ? connectEvidence() : isNamed ? undefined : findEvidence()
  if (client !== undefined && !isNamed) return { client }
  const { connectCredentialChain } = await import('./evidence/credential-chain.ts')
  const chain = await connectCredentialChain({ rpc, addressBook, finalityDepth, isWanted: isNamed })
  return { ...(client && { client }), ...(chain && { chain }) }
}

async function contentOf({ file }: Options): Promise<{ contentHash?: Bytes32 }> {
  if (file === undefined) return {}
  const { hashWithProgress } = await import('./evidence/hash-with-progress.ts')
  return { contentHash: await hashWithProgress(file) }
}

function statementsOf({ save }: Options): { statements?: string } {
  return save === undefined ? {} : { statements: save }
}
