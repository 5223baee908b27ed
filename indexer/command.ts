import { type Logger, pino } from 'pino'
import { isCountersignError } from '../protocol/errors.ts'
import { flushCompileCache } from './compile-cache.ts'
import { type IndexerConfig, loadConfig, printableConfig } from './config.ts'
import { startIndexer } from './indexer.ts'
import { endOnSignal } from './shutdown.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** After this long everything that a start loads has been loaded, and mostly a backfill is over: writing takes a third of a second. */
const CACHE_FLUSH_MS = 10_000

/** Runs until a signal ends it. Exit codes: 0 ended in order, 1 cannot start or failed, 128 + n cut short by signal n. */
export async function runCommand(argv: readonly string[], env: Environment): Promise<void> {
  try {
    // Reading options costs a tenth of a start: only where there are any.
    const options = argv.length === 0 ? {} : (await import('./options.ts')).readOptions(argv)
    const config = loadConfig(env, options.config)
    const log = pino({ level: config.logLevel, base: { service: 'indexer' } })
    if (options.reset === true) {
      const { resetCommand } = await import('./operations/reset.ts')
      process.exitCode = await resetCommand(config, options)
    } else await run(config, log)
  } catch (error) {
    if (isCountersignError(error)) console.error(`${error.code}: ${error.message}\n${error.action}`)
    else console.error(error)
    process.exit(1)
  }
}

async function run(config: IndexerConfig, log: Logger): Promise<void> {
  const starting = startIndexer(config, log)
  endOnSignal(starting, log)
  log.info(printableConfig(config), 'indexer starts')
  const { url } = await starting
  log.info({ url, startMs: Math.round(process.uptime() * 1000) }, 'indexer listens')
  setTimeout(flushCompileCache, CACHE_FLUSH_MS).unref()
}
