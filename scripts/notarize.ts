import type { CountersignError } from '../protocol/errors.ts'
import { wholeNumber } from './cli/arguments.ts'
import { connectEvidence } from './cli/connection.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printJson, printTable, say, visible } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { CredentialFolder } from './evidence/credential-file.ts'
import { findDocuments, type LeftOut, type NamedDocument } from './evidence/named-documents.ts'
import { type DocumentOutcome, Notarization } from './evidence/notarization.ts'
import { NotarizationBar } from './evidence/notarization-bar.ts'
import { duration } from './payments/progress-bar.ts'

interface Options {
  out: string
  validUntil?: string
  wait: number
  atOnce: number
  patience: number
  json?: boolean
}

/** Rows that a table shows; JSON has all. */
const MAX_SHOWN = 200

const command = createCommand(
  'notarize',
  'Hands files to an evidence server, which keeps them, and writes the credential of each beside the others. It may be ended at any\n' +
    'moment and run again: nothing is stored twice. Which server: COUNTERSIGN_EVIDENCE_URL and COUNTERSIGN_EVIDENCE_API_KEY, or npm start.',
  '0 every file has its credential, 1 error or a file that could not be handed in, 3 credentials that are not on chain yet (run it again)',
)
  .argument('<path...>', 'files, and folders with all that is in them')
  .option('--out <folder>', 'where credentials go, in folders like those of the files', 'credentials')
  .option('--valid-until <time>', 'when the credentials cease to be valid, YYYY-MM-DDTHH:MM:SSZ')
  .option(
    '--wait <seconds>',
    'wait so long for receipts from the chain, 0 to 86400',
    wholeNumber(0, 86_400),
    60,
  )
  .option('--at-once <count>', 'files that are sent at once, 1 to 32', wholeNumber(1, 32), 4)
  .option(
    '--patience <seconds>',
    'ask a server again for so long that does not answer, 0 to 86400',
    wholeNumber(0, 86_400),
    60,
  )
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const { documents, leftOut } = await findDocuments(command.args, options.out)
  for (const { file, reason } of leftOut) say(visible(`left out: ${file}: ${reason}`))
  const run = new Run(documents, leftOut, options)
  await run.play()
  return run.report()
})

class Run {
  readonly #documents: readonly NamedDocument[]
  readonly #leftOut: readonly LeftOut[]
  readonly #options: Options
  readonly #outcomes: DocumentOutcome[] = []
  /** File by credential id. */
  readonly #pending = new Map<string, string>()
  #seconds = 0

  constructor(documents: readonly NamedDocument[], leftOut: readonly LeftOut[], options: Options) {
    this.#documents = documents
    this.#leftOut = leftOut
    this.#options = options
  }

  async play(): Promise<void> {
    if (this.#documents.length === 0) return
    const { out, validUntil, atOnce, patience, wait } = this.#options
    const client = connectEvidence()
    const startedAt = performance.now()
    const bytes = this.#documents.reduce((sum, { size }) => sum + size, 0)
    const bar = new NotarizationBar(this.#documents.length, bytes)
    const notarization = new Notarization({
      client,
      folder: new CredentialFolder(out),
      ...(validUntil !== undefined && { validUntil }),
      atOnce,
      patienceMs: patience * 1_000,
      onBytes: bar.addBytes,
      onDocument: (outcome) => {
        bar.addDocument()
        this.#take(outcome)
      },
    })
    try {
      await notarization.run(this.#documents)
      if (wait > 0) await notarization.complete(this.#pending, wait * 1_000)
    } catch (error) {
      bar.stop()
      say(`${this.#outcomes.length} of ${this.#documents.length} files are done; run it again to go on.`)
      throw error
    } finally {
      bar.stop()
      await client.close()
    }
    this.#seconds = (performance.now() - startedAt) / 1000
  }

  #take(outcome: DocumentOutcome): void {
    this.#outcomes.push(outcome)
    if (outcome.outcome === 'failed') say(visible(`failed: ${faultOf(outcome.document, outcome.error)}`))
    else {
      if (outcome.isPending) this.#pending.set(outcome.credentialId, outcome.credentialFile)
      if (outcome.putAside !== undefined)
        say(visible(`put aside: ${outcome.putAside}, a credential that this server does not know`))
    }
  }

  report(): ExitCode {
    const rows = this.#outcomes.map((outcome) => this.#rowOf(outcome))
    const count = (wanted: string): number => rows.filter(({ outcome }) => outcome === wanted).length
    const [stored, known, failed] = [count('stored'), count('known'), count('failed')]
    const unreadable = this.#leftOut.filter(({ isFault }) => isFault).length
    const bytes = this.#documents.reduce((sum, { size }) => sum + size, 0)
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024
    if (this.#options.json)
      printJson({
        ...{ documents: rows, leftOut: this.#leftOut, stored, known, failed, pending: this.#pending.size },
        ...{ bytes, seconds: this.#seconds, peakMemoryBytes },
      })
    else {
      const shown = rows.slice(0, MAX_SHOWN)
      if (rows.length > 0)
        printTable(
          ['document', 'outcome', 'state', 'credential'],
          shown.map(({ place, outcome, state, credentialId, code }) => [
            visible(place),
            outcome,
            state ?? code ?? '',
            credentialId ?? '',
          ]),
        )
      if (rows.length > shown.length) say(`… and ${rows.length - shown.length} more`)
      this.#summarize({ stored, known, failed, bytes })
    }
    if (failed + unreadable > 0 || rows.length === 0) return EXIT.error
    return this.#pending.size > 0 && this.#options.wait > 0 ? EXIT.notFound : EXIT.consistent
  }

  #rowOf(outcome: DocumentOutcome): Row {
    const { file, place } = outcome.document
    if (outcome.outcome === 'failed')
      return { file, place, outcome: 'failed', code: outcome.error.code, reason: outcome.error.message }
    const { credentialId, credentialFile } = outcome
    const state = this.#pending.has(credentialId) ? 'pending' : 'recorded'
    return { file, place, outcome: outcome.outcome, credentialId, credentialFile, state }
  }

  #summarize({
    stored,
    known,
    failed,
    bytes,
  }: Record<'stored' | 'known' | 'failed' | 'bytes', number>): void {
    if (this.#documents.length === 0) {
      say('There is no file to notarize there.')
      return
    }
    const { out } = this.#options
    const counts = [`${stored + known} credentials in ${out}: ${stored} new, ${known} known from before`]
    if (failed > 0) counts.push(`${failed} files failed`)
    say(`${counts.join('; ')}; ${(bytes / 1e6).toFixed(1)} MB in ${duration(this.#seconds)}`)
    if (this.#pending.size > 0)
      say(`${this.#pending.size} are not on chain yet; run it again later, and their receipts are added.`)
  }
}

/** Errors of a file name it, those of the server do not. */
function faultOf({ file }: NamedDocument, { message, code }: CountersignError): string {
  return `${message.includes(file) ? '' : `${file}: `}${message} (${code})`
}

interface Row {
  file: string
  /** In the output folder, without the ending of credentials. */
  place: string
  outcome: 'stored' | 'known' | 'failed'
  credentialId?: string
  credentialFile?: string
  state?: 'pending' | 'recorded'
  code?: string
  reason?: string
}
