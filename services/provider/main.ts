import { isCountersignError } from '../../protocol/errors.ts'
import { createLogger } from '../party/logger.ts'
import { composeProvider } from './compose-provider.ts'
import { type ProviderConfig, printableProviderConfig, readProviderConfig } from './provider-config.ts'

try {
  await run(readProviderConfig(process.env))
} catch (error) {
  if (!isCountersignError(error)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
  process.exitCode = 1
}

async function run(config: ProviderConfig): Promise<void> {
  const logger = createLogger('provider', config.LOG_LEVEL)
  const provider = await composeProvider(config, logger)
  const url = await provider.listen()
  logger.info(
    { url, address: provider.key.address, settings: printableProviderConfig(config) },
    'provider listens',
  )

  let isStopping = false
  const stop = async (): Promise<void> => {
    if (isStopping) return
    isStopping = true
    logger.info('provider stops')
    await provider.close()
    logger.flush()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  process.on('SIGHUP', () => {
    provider.reloadBook().catch((err) => logger.error({ err }, 'the book could not be loaded again'))
  })
}
