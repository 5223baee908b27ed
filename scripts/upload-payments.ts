import { wholeNumber } from './cli/arguments.ts'
import { connectTaxOffice } from './cli/connection.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import type { UploadState } from './cli/tax-office-client.ts'
import { addFileOptions } from './payments/named-files.ts'
import { openPaymentFiles } from './payments/payment-file.ts'
import { duration, ProgressBar } from './payments/progress-bar.ts'
import { RefusalReport } from './payments/refusal-report.ts'
import { type FileCounts, PaymentUpload } from './payments/upload.ts'

const command = createCommand(
  'upload-payments',
  'Hands files of payments to a tax office and waits until they are on chain. It may be ended at any moment and run again:\n' +
    'the office knows again what it has. Which office: COUNTERSIGN_TAX_OFFICE_URL and COUNTERSIGN_TAX_OFFICE_API_KEY, or npm start.',
  '0 every row that was not refused is on chain, 1 error or a file held back, 2 contradicted (an order has other content at the office or on chain)',
)
const namedFiles = addFileOptions(command)
command
  .option('--report <file>', 'where refused rows are listed, as JSON lines', 'refused-rows.jsonl')
  .option(
    '--allow-shifting-ids',
    'send also files whose order ids count rows while some rows cannot be counted: mended, those may shift the ids of others',
  )
  .option('--wait-final', 'wait until every block is final, too')
  .option(
    '--patience <seconds>',
    'give up after so long without progress, 1 to 86400',
    wholeNumber(1, 86_400),
    120,
  )
  .option('--json', 'print one JSON document')

interface Options {
  report: string
  allowShiftingIds?: boolean
  waitFinal?: boolean
  patience: number
  json?: boolean
}

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const { report: reportFile, allowShiftingIds = false, waitFinal = false, patience, json = false } = options
  const named = namedFiles()
  if (named.length === 0) command.error('error: nothing to upload; give --file and --mapping')
  const files = await openPaymentFiles(named)
  const client = connectTaxOffice()
  const startedAt = performance.now()
  const bar = new ProgressBar(files.reduce((sum, { bytes }) => sum + bytes, 0))
  const report = new RefusalReport(reportFile)
  const upload = new PaymentUpload({
    client,
    onRefused: (row) => report.add(row),
    onProgress: (progress) => bar.show(progress),
    allowShiftingIds,
    patienceMs: patience * 1_000,
  })
  const counts: FileCounts[] = []
  let state: UploadState
  try {
    for (const file of files) counts.push(await upload.send(file))
    state = await upload.settle(waitFinal)
  } finally {
    bar.stop()
    report.close()
  }
  const seconds = (performance.now() - startedAt) / 1000
  show({ counts, state, report, seconds, json })
  return exitCodeOf(state, report, counts)
})

function exitCodeOf({ conflict }: UploadState, { reasons }: RefusalReport, counts: FileCounts[]): ExitCode {
  const { PAYMENT_ORDER_CONFLICT, ENTRY_CONFLICT } = reasons
  if (conflict > 0 || PAYMENT_ORDER_CONFLICT || ENTRY_CONFLICT) return EXIT.contradicted
  return counts.some(({ heldBack }) => heldBack) ? EXIT.error : EXIT.consistent
}

interface Outcome {
  counts: FileCounts[]
  state: UploadState
  report: RefusalReport
  seconds: number
  json: boolean
}

function show({ counts, state, report, seconds, json }: Outcome): void {
  const rows = counts.reduce((sum, { rows }) => sum + rows, 0)
  const rowsPerSecond = Math.round(rows / seconds)
  // Linux and macOS alike: Node gives kibibytes.
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024
  const { first, reasons, file: reportFile } = report
  if (json) {
    const refusals = { reasons, ...(reportFile && { report: reportFile }) }
    printJson({ files: counts, seconds, rowsPerSecond, peakMemoryBytes, ...refusals, office: state })
    return
  }
  printTable(
    ['file', 'rows', 'new', 'known', 'repeated', 'skipped', 'refused'],
    counts.map((row) => [row.file, row.rows, row.added, row.known, row.repeated, row.skipped, row.refused]),
  )
  if (reportFile !== undefined) {
    printTable(['reason', 'times'], Object.entries(reasons))
    printTable(
      ['line', 'column', 'reason', 'of the first refused'],
      first.map(({ line, column = '', code, reason }) => [line, column, code, reason]),
    )
    say(`All refused rows: ${reportFile}`)
  }
  for (const { file } of counts.filter(({ heldBack }) => heldBack))
    say(
      `Nothing of ${file} was sent: its order ids count rows, and some that are refused could not be counted. Mend all that are\n` +
        'refused and hand the file in again; or, if they never will be, send the others with --allow-shifting-ids.',
    )
  if (state.conflict > 0)
    say(`The chain has something else under ${state.conflict} keys; npm run reconcile lists them.`)
  say(
    `${rows} rows in ${duration(seconds)}, ${rowsPerSecond} rows a second, ` +
      `${Math.round(peakMemoryBytes / 1024 ** 2)} MB of memory at most`,
  )
}
