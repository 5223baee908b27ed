import { loadConfig, withoutPassword } from '../indexer/config.ts'
import { restore } from '../indexer/operations/backup.ts'
import { openStore } from '../indexer/store/open-store.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'

const command = createCommand(
  'restore',
  "Fills the indexer's store, which has to be empty, from a file that `npm run backup` wrote, from SQLite or PostgreSQL.\n" +
    'The indexer then goes on from where the backup stands. Nothing is changed if the file is not whole and unaltered.',
)
  .requiredOption('--from <file>', 'the backup')
  .option('--config <file>', "the indexer's JSON file of settings; INDEXER_CONFIG names another")
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const options = command.opts<{ from: string; config?: string; json?: boolean }>()
  const { database, feedKeepDays } = loadConfig(process.env, options.config)
  const store = await openStore(database, { mode: 'writer', feedKeepDays })
  try {
    const { header, rows, digest } = await restore(options.from, store)
    if (options.json) printJson({ file: options.from, ...header, rows, digest })
    else {
      say(`${withoutPassword(database)}: ${rows} rows of ${options.from}, made ${header.createdAt}`)
      for (const { chainId, block } of header.chains) say(`  chain ${chainId} up to block ${block}`)
    }
    return EXIT.consistent
  } finally {
    await store.close()
  }
})
