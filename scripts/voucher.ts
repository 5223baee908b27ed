import { isCountersignError, toProblem } from '../protocol/errors.ts'
import { textIn } from '../web/language/language.ts'
import { address, wholeNumber } from './cli/arguments.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand, VERDICT_EXIT_CODES } from './cli/run.ts'
import { chooseVersion } from './payments/choose-version.ts'
import { type CodeOptions, readCode, withCodeOptions } from './payments/lookup-code-input.ts'
import { type LookupOptions, lookUpOrder, withLookupOptions } from './payments/order-lookup.ts'
import { writePrivateFile } from './payments/private-file.ts'
import { exitCodeOfVersion } from './payments/version-exit-code.ts'
import { voucherPdf } from './payments/voucher-pdf.ts'

interface Options extends LookupOptions, CodeOptions {
  version?: number
  office?: string
  page?: string
  out?: string
  json?: boolean
}

const command = withCodeOptions(
  withLookupOptions(
    createCommand(
      'voucher',
      'Makes a voucher of a payment as PDF, in Chinese and English, with a QR code that opens the verification page.\n' +
        'The record is held against the chain first; nothing is written of one that is contradicted.',
      VERDICT_EXIT_CODES,
    ),
  ),
)
  .option('--version <number>', 'version of the order; default: the newest', wholeNumber(1, 2 ** 32 - 1))
  .option('--office <address>', 'of this office; default: the registered one', address)
  .option('--page <url>', 'origin of the verification page; default: the indexer')
  .option('--out <file>', 'the PDF; default voucher-<start of the order key>-<version>.pdf')
  .option('--json', 'print one JSON document')

void runCommand(command, async (): Promise<ExitCode> => {
  const options = command.opts<Options>()
  const found = await lookUpOrder(options, readCode(options))
  let choice: ReturnType<typeof chooseVersion>
  try {
    choice = chooseVersion(found, options)
  } catch (error) {
    if (!isCountersignError(error, 'PAYMENT_UNKNOWN')) throw error
    if (options.json) printJson(toProblem(error))
    say(`${error.code}: ${error.message}`)
    return EXIT.notFound
  }
  const { history, chosen } = choice
  if (found.truncated) say(textIn('en', 'pay.truncated'))
  const code = exitCodeOfVersion(chosen, history)
  const verdict = code.verdict
  if (code.exitCode === EXIT.contradicted) {
    if (options.json) printJson({ verdict, file: null })
    say(`nothing is written: version ${chosen.answer.version} is ${verdict}`)
    return EXIT.contradicted
  }
  const { orderKey, version } = chosen.answer
  const file = options.out ?? `voucher-${orderKey.slice(2, 12)}-${version}.pdf`
  const origin = new URL(options.page ?? found.indexerUrl).origin
  // It holds the record.
  writePrivateFile(
    file,
    await voucherPdf({ history, chosen, origin, printedAt: Math.floor(Date.now() / 1000) }),
  )
  if (options.json) printJson({ verdict, file, orderKey, version, page: `${origin}/pay/verify` })
  say(`wrote ${file}: version ${version}, ${verdict}`)
  return code.exitCode
})
