import { loadConfig, withoutPassword } from '../indexer/config.ts'
import type { Finding } from '../indexer/operations/fsck/findings.ts'
import { type FsckReport, fsck } from '../indexer/operations/fsck/fsck.ts'
import { checkOffline } from '../indexer/operations/fsck/offline-check.ts'
import { openForInspection } from '../indexer/operations/inspect-store.ts'
import { wholeNumber } from './cli/arguments.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'

const command = createCommand(
  'fsck',
  "Makes the indexer's store anew from the chains, in a temporary file, and holds the one in use against it row by row.\n" +
    'The one in use is only read; the indexer may be running, and PostgreSQL may be a replica. There has to be room for a second store.',
  '0 no difference, 1 differences, or it could not be told',
)
  .option('--offline', 'ask no chain: hold the store against itself only')
  .option(
    '--max-differences <n>',
    'differences that are listed; all are counted',
    wholeNumber(0, 1_000_000),
    100,
  )
  .option('--config <file>', "the indexer's JSON file of settings; INDEXER_CONFIG names another")
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<{
    offline?: boolean
    maxDifferences: number
    config?: string
    json?: boolean
  }>()
  const config = loadConfig(process.env, options.config)
  const store = await openForInspection(config.database)
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  try {
    const settings = { maxListed: options.maxDifferences, progress: say, signal: abort.signal }
    const report = await (options.offline ? checkOffline(store, settings) : fsck(store, config, settings))
    if (options.json) printJson({ database: withoutPassword(config.database), ...report })
    else show(report, withoutPassword(config.database))
    return report.isSound ? 0 : 1
  } finally {
    await store.close()
  }
})

function show({ chains, rows, heads, differences, listed }: FsckReport, database: string): void {
  for (const { chainId, upToBlock, notes } of chains) {
    say(`chain ${chainId}: checked up to block ${upToBlock}`)
    for (const note of notes) say(`  ${note}`)
  }
  for (const finding of listed) process.stdout.write(`${lineOf(finding)}\n`)
  if (differences > listed.length) say(`… and ${differences - listed.length} more`)
  say(`${database}: ${rows} rows and ${heads} heads checked, ${differences} differences`)
}

const lineOf = ({ kind, table, row, stored, expected, reason }: Finding): string =>
  [
    `${kind} in ${table}: ${row}${reason === undefined ? '' : `: ${reason}`}`,
    ...(stored === undefined ? [] : [`  stored   ${stored}`]),
    ...(expected === undefined ? [] : [`  expected ${expected}`]),
  ].join('\n')
