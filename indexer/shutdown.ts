import { constants } from 'node:os'
import type { Logger } from 'pino'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** The first signal ends it in order, a second one at once. Also while it starts: what was begun is ended then. */
export function endOnSignal(starting: Promise<{ stop(): Promise<void> }>, log: Logger): void {
  let isEnding = false
  const end = async (signal: (typeof SIGNALS)[number]) => {
    if (isEnding) {
      log.warn({ signal }, 'indexer ends at once')
      process.exit(128 + constants.signals[signal])
    }
    isEnding = true
    log.info({ signal }, 'indexer stops')
    try {
      // Whoever awaits the start says why it failed.
      const indexer = await starting.catch(() => undefined)
      if (indexer === undefined) return
      await indexer.stop()
      process.exit(0)
    } catch (error) {
      log.error({ err: error }, 'indexer did not end in order')
      process.exit(1)
    }
  }
  for (const signal of SIGNALS) process.on(signal, end)
}
