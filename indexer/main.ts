import { pino } from 'pino'
import { isCountersignError } from '../protocol/errors.ts'
import { loadConfig, printableConfig } from './config.ts'
import { startIndexer } from './indexer.ts'

/** Starts from the environment; SIGTERM and SIGINT end it in order. Exit code 1 when it cannot start. */
async function main(): Promise<void> {
  const config = loadConfig(process.env)
  const log = pino({ level: config.logLevel, base: { service: 'indexer' } })
  log.info(printableConfig(config), 'indexer starts')
  const indexer = await startIndexer(config, log)
  log.info({ url: indexer.url }, 'indexer listens')
  const end = async (signal: string) => {
    log.info({ signal }, 'indexer stops')
    await indexer.stop()
    process.exit(0)
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
}

main().catch((error: unknown) => {
  if (isCountersignError(error)) console.error(`${error.code}: ${error.message}\n${error.action}`)
  else console.error(error)
  process.exit(1)
})
