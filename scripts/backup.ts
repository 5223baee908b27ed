import { loadConfig, withoutPassword } from '../indexer/config.ts'
import { backUp } from '../indexer/operations/backup.ts'
import { openForInspection } from '../indexer/operations/inspect-store.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'

const command = createCommand(
  'backup',
  "Writes all of the indexer's store into one compressed file, as of one moment. The indexer may be running.",
)
  .requiredOption('--to <file>', 'the file to make; there must be none of that name')
  .option('--config <file>', "the indexer's JSON file of settings; INDEXER_CONFIG names another")
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<{ to: string; config?: string; json?: boolean }>()
  const { database } = loadConfig(process.env, options.config)
  const store = await openForInspection(database)
  try {
    const { header, rows, digest, bytes } = await backUp(store, options.to)
    if (options.json) printJson({ file: options.to, ...header, rows, bytes, digest })
    else {
      say(`${options.to}: ${rows} rows of ${withoutPassword(database)}, ${bytes} bytes`)
      for (const { chainId, block } of header.chains) say(`  chain ${chainId} up to block ${block}`)
      say('It holds the secrets of webhooks. Only its owner can read it (mode 0600); keep it so.')
    }
    return EXIT.consistent
  } finally {
    await store.close()
  }
})
