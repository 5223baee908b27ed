import { CountersignError } from '../protocol/errors.ts'
import { toDecimal } from '../protocol/payments/minor-units.ts'
import { textIn } from '../web/language/language.ts'
import { standHistory } from '../web/order/history-standing.ts'
import { countedOf, newestOf, type ReadVersion } from '../web/order/read-history.ts'
import { stepsOfVersion } from '../web/order/version-steps.ts'
import { absenceStep } from '../web/verification/ask-absence.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printJson, printTable, say } from './cli/output.ts'
import { createCommand, runCommand, VERDICT_EXIT_CODES } from './cli/run.ts'
import { type CodeOptions, readCode, withCodeOptions } from './payments/lookup-code-input.ts'
import {
  type FoundOrder,
  type LookupOptions,
  lookUpOrder,
  type VerifiedHistory,
  withLookupOptions,
} from './payments/order-lookup.ts'
import { exitCodeOfVersion } from './payments/version-exit-code.ts'

interface Options extends LookupOptions, CodeOptions {
  json?: boolean
}

const command = withCodeOptions(
  withLookupOptions(
    createCommand(
      'lookup-payment',
      'Every version of an order, opened with the lookup code of its slip and held against the chain, as the page of payers does.\n' +
        'Neither order id nor code is sent to anybody. Without a code sealed versions are listed unread.',
      VERDICT_EXIT_CODES,
    ),
  ),
).option('--json', 'print one JSON document')

void runCommand(command, async (): Promise<ExitCode> => {
  const options = command.opts<Options>()
  const code = readCode(options)
  const found = await lookUpOrder(options, code)
  const { histories, heads, absence, truncated } = found
  if (histories.length === 0) {
    if (options.json) printJson({ orderId: found.orderId, histories, heads, absence })
    else printHeads(found)
    return absence?.outcome === 'present' ? EXIT.contradicted : EXIT.notFound
  }
  // Anybody may write anything under any order id: of strangers it is shown, and does not count.
  const counted = histories.filter(({ answer }) => answer.registered)
  const judged = counted.length > 0 ? counted : histories
  const codes = judged.flatMap((history) =>
    history.versions.filter(isJudged).map((version) => exitCodeOfVersion(version, history).exitCode),
  )
  if (options.json) printJson({ orderId: found.orderId, truncated, histories: histories.map(historyJson) })
  else for (const history of histories) printHistory(history)
  if (truncated) say(textIn('en', 'pay.truncated'))
  if (codes.includes(EXIT.contradicted)) return EXIT.contradicted
  if (code !== undefined && isUnopened(judged))
    throw new CountersignError(
      'PAYMENT_NOT_OPENED',
      'the record does not open with this order id and lookup code',
    )
  return codes.includes(EXIT.notFound) ? EXIT.notFound : EXIT.consistent
})

/** Of a second time nothing counts; but the registry takes none, so that one shown there is. */
const isJudged = ({ answer }: ReadVersion): boolean => !answer.repeated || answer.tier === 'recorded'

/** A slip is one office's: that another's records stay closed to it says nothing, and one of its own does. */
function isUnopened(histories: readonly VerifiedHistory[]): boolean {
  const isRead = ({ versions }: VerifiedHistory) => versions.some(({ record }) => record !== null)
  const ofSlip = histories.some(isRead) ? histories.filter(isRead) : histories
  return ofSlip.some((history) => countedOf(history).some(({ reading }) => reading === 'not-opened'))
}

function printHeads({ heads, absence }: FoundOrder): void {
  say('nothing was found under this order id, in what the indexer has of these offices:')
  printTable(
    ['office', 'records', 'proven at block', 'completeness', 'head'],
    heads.map(({ name, office, entryCount, verifiedAtBlock, completeness, head }) => [
      name ?? office,
      entryCount,
      verifiedAtBlock ?? '-',
      completeness,
      head,
    ]),
  )
  if (absence === null) return
  const { key, values } = absenceStep(absence)
  say(textIn('en', key, values))
}

function printHistory(history: VerifiedHistory): void {
  const { answer, versions } = history
  const { net, isContradicted } = standHistory(history, history.chain)
  const role = answer.registered ? 'registered tax office' : 'NOT a registered tax office'
  process.stdout.write(`${answer.name ?? 'unnamed'} ${answer.office}, ${role}\n`)
  printTable(
    ['version', 'kind', 'amount', 'category', 'period', 'paid at', 'authority', 'verdict'],
    versions.map((version) => [
      version.answer.version,
      version.clear?.kind ?? '-',
      amountOf(version),
      version.clear?.category ?? '-',
      version.clear?.period || '-',
      version.record?.paidAt ?? '-',
      version.record?.authority ?? '-',
      version.answer.repeated ? 'repeated' : exitCodeOfVersion(version, history).verdict,
    ]),
  )
  if (net !== null)
    process.stdout.write(`counts now: ${toDecimal(net.amountMinor, net.currency)} ${net.currency}\n`)
  if (isContradicted) say(textIn('en', 'history.netContradicted'))
  const newest = newestOf(history)
  if (newest === undefined) return
  printTable(
    [`checks of version ${newest.answer.version}`, 'outcome'],
    stepsOfVersion(newest, answer, history.chain.get(newest.answer.entryDigest)).map(
      ({ key, values, outcome }) => [textIn('en', key, values), outcome],
    ),
  )
}

const amountOf = ({ record }: ReadVersion): string =>
  record === null ? '-' : `${toDecimal(record.amountMinor, record.currency)} ${record.currency}`

function historyJson(history: VerifiedHistory) {
  const { chainId, registry, office, name, registered } = history.answer
  return {
    ...{ chainId, registry, office, name, registered },
    net: standHistory(history, history.chain).net,
    versions: history.versions.map((version) => {
      const chain = history.chain.get(version.answer.entryDigest)
      return {
        ...version.answer,
        visibility: version.visibility,
        ...(version.record === null ? version.clear : { record: version.record }),
        reading: version.reading,
        verdict: exitCodeOfVersion(version, history).verdict,
        checks: chain !== undefined && 'verification' in chain ? chain.verification.checks : [],
      }
    }),
  }
}
