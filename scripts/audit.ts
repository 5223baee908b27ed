import { writeFile } from 'node:fs/promises'
import { parseAuditReport, verifyAuditReport } from '../protocol/audit-report.ts'
import { connectProxy } from './cli/connection.ts'
import { EXIT, exitCodeOf, worstExitCode } from './cli/exit-code.ts'
import { printChecks, printJson, printTable, say } from './cli/output.ts'
import { createCommand, runCommand, VERDICT_EXIT_CODES } from './cli/run.ts'

interface Options {
  provider?: string
  save?: string
  json?: boolean
}

const command = createCommand(
  'audit',
  'Holds what providers say now of a serial against what they recorded, and against what the user was given.\n' +
    'The proxy is that of COUNTERSIGN_PROXY_URL with the key in COUNTERSIGN_API_KEY, or else the one npm start runs.',
  VERDICT_EXIT_CODES,
)
  .argument('<serial>', 'the serial that the query was answered with')
  .option('--provider <address>', 'audit this provider; default: every provider that was asked')
  .option('--save <prefix>', 'write each signed report to <prefix><provider>.json')
  .option('--json', 'print one JSON document: the list of reports')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const serial = command.args[0]!
  const proxy = connectProxy()
  const providers =
    options.provider === undefined
      ? (await proxy.stored(serial)).answers.map(({ provider }) => provider)
      : [options.provider]
  const reports = []
  for (const provider of providers) {
    const file = await proxy.audit(serial, provider)
    const report = parseAuditReport(file)
    // The proxy is not believed either: what it signed has to verify here.
    const verification = await verifyAuditReport(report)
    reports.push({ report, verification })
    if (options.save !== undefined) {
      await writeFile(`${options.save}${provider}.json`, file)
      say(`wrote ${options.save}${provider}.json`)
    }
  }
  if (options.json) printJson(reports.map(({ report }) => report))
  else
    for (const { report, verification } of reports) {
      printTable(['provider', 'verdict', 'rule'], [[report.provider, report.verdict, report.rule]])
      printChecks(verification.checks)
    }
  return worstExitCode(
    reports.map(({ verification }) =>
      verification.verdict === null ? EXIT.error : exitCodeOf(verification.verdict),
    ),
  )
})
