import { type Logger, pino } from 'pino'
import type { IndexerConfig } from './config.ts'
import type { RunningIndexer } from './running-indexer.ts'

export type { RunningIndexer } from './running-indexer.ts'

/**
 * Opens the store and serves the API; a writer follows every chain of the address book besides.
 * @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER, STORE_UNAVAILABLE, PORT_TAKEN
 */
export async function startIndexer(
  config: IndexerConfig,
  logger: Logger = pino({ level: config.logLevel }),
): Promise<RunningIndexer> {
  // Neither loads what only the other needs.
  if (config.role === 'reader') return (await import('./reader/reader.ts')).startReader(config, logger)
  return (await import('./writer.ts')).startWriter(config, logger)
}
