import { readOfficeBooksConfig } from '../services/tax-office/config.ts'
import { compareFile, type FileFinding } from '../services/tax-office/reconcile/compare-file.ts'
import type { Difference } from '../services/tax-office/reconcile/compare-payment.ts'
import { openBooks } from '../services/tax-office/reconcile/open-books.ts'
import {
  type ReconcileOptions,
  Reconciler,
  type Reconciliation,
} from '../services/tax-office/reconcile/reconcile.ts'
import { localOfficeVariables } from './cli/connection.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { addFileOptions } from './payments/named-files.ts'
import { openPaymentFiles, type PaymentFile, rowsOf } from './payments/payment-file.ts'

const command = createCommand(
  'reconcile',
  "Holds a tax office's database against its book on chain: lists what is missing there, what was altered here, and what is there\n" +
    'and not here. With files, holds those against the database, too. Reads TAX_OFFICE_DATABASE, TAX_OFFICE_SECRET and\n' +
    'COUNTERSIGN_ADDRESS_BOOK, or takes the office that npm start runs.',
  '0 the same, 1 error or the chain could not be read in full, 2 contradicted (missing, altered or extra)',
)
const namedFiles = addFileOptions(command)
command.option('--json', 'print one JSON document')

/** Findings shown in a table; JSON has more. */
const SHOWN = 50
const LISTED = 1_000

interface FileReport {
  file: string
  checked: number
  missing: number
  altered: number
  findings: FileFinding[]
}

void runCommand(command, async () => {
  const files = await openPaymentFiles(namedFiles())
  const books = openBooks(readOfficeBooksConfig(localOfficeVariables()))
  try {
    const result = await new Reconciler(books).run()
    const fileReports: FileReport[] = []
    for (const file of files) fileReports.push(await reportOf(file, books))
    if (command.opts<{ json?: boolean }>().json) printJson({ ...books.place, ...result, files: fileReports })
    else show(result, fileReports)
    sayHowComplete(result)
    return exitCodeOf(result, fileReports)
  } finally {
    books.close()
  }
})

async function reportOf(file: PaymentFile, books: ReconcileOptions): Promise<FileReport> {
  const report: FileReport = { file: file.file, checked: 0, missing: 0, altered: 0, findings: [] }
  for await (const finding of compareFile(rowsOf(file), books)) {
    report.checked++
    if (finding === undefined) continue
    report[finding.found]++
    if (report.findings.length < LISTED) report.findings.push(finding)
  }
  return report
}

function exitCodeOf({ counts, unknownRoots, isComplete }: Reconciliation, files: FileReport[]): ExitCode {
  const found = counts.missing + counts.altered + counts.extra + unknownRoots.length
  if (found > 0 || files.some(({ missing, altered }) => missing + altered > 0)) return EXIT.contradicted
  return isComplete ? EXIT.consistent : EXIT.error
}

function show(result: Reconciliation, files: FileReport[]): void {
  const { counts, checked, same, repeated, waiting } = result
  printTable(
    ['in the database', 'the same on chain', 'on their way', 'missing', 'altered', 'extra', 'unread'],
    [[checked, same, waiting, counts.missing, counts.altered, counts.extra, counts.unread]],
  )
  const rows = [
    ...result.altered.map((found) => ['altered', nameOf(found), found.version, textOf(found.differences)]),
    ...result.missing.map((found) => ['missing', nameOf(found), found.version, 'not on chain']),
    ...result.extra.map((found) => [
      'extra',
      nameOf(found),
      found.version,
      `block ${found.blockNumber}, transaction ${found.transactionHash}: not in the database`,
    ]),
    ...result.unknownRoots.map((root) => ['extra', root, '', 'an anchored root without its payments']),
    ...result.unread.map((found) => [
      'unread',
      nameOf(found),
      found.version,
      'in no event that the node gave',
    ]),
  ]
  if (repeated > 0) say(`On chain more than once, each time the same: ${repeated}`)
  if (rows.length > 0) printTable(['what', 'order', 'version', 'how'], rows.slice(0, SHOWN))
  if (rows.length > SHOWN) say(`and ${rows.length - SHOWN} more; --json lists them`)
  showFiles(files)
}

function sayHowComplete({ isComplete, head, block, counts }: Reconciliation): void {
  const unread = counts.unread > 0 ? `, nor whether the ${counts.unread} unread are on chain` : ''
  say(
    isComplete
      ? `The events make the head ${head} that the chain has at block ${block}: there are no others.`
      : `The events do not make the head that the chain has at block ${block}: the node left events out; ` +
          `ask another node or again later. What is extra cannot be told${unread}.`,
  )
}

function showFiles(files: FileReport[]): void {
  if (files.length === 0) return
  printTable(
    ['file', 'payments', 'missing', 'altered'],
    files.map(({ file, checked, missing, altered }) => [file, checked, missing, altered]),
  )
  const findings = files.flatMap(({ file, findings }) =>
    findings.map(({ line, found, orderId }) => [file, line, found, orderId]),
  )
  if (findings.length > 0) printTable(['file', 'line', 'what', 'order'], findings.slice(0, SHOWN))
}

const nameOf = ({ orderId, orderKey }: { orderId?: string; orderKey: string }): string => orderId ?? orderKey

const textOf = (differences: readonly Difference[]): string =>
  differences
    .map(({ member, ...values }) =>
      'chain' in values ? `${member}: chain ${values.chain}, database ${values.database}` : member,
    )
    .join('; ')
