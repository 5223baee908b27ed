import { isCountersignError } from '../../protocol/errors.ts'
import { createLogger } from '../party/logger.ts'
import { composeOffice } from './compose-office.ts'
import { type OfficeConfig, printableOfficeConfig, readOfficeConfig } from './config.ts'

try {
  await run(readOfficeConfig(process.env))
} catch (error) {
  if (!isCountersignError(error)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
  process.exitCode = 1
}

async function run(config: OfficeConfig): Promise<void> {
  const logger = createLogger('tax-office', config.LOG_LEVEL)
  const office = await composeOffice(config, logger)
  const url = await office.listen()
  logger.info(
    { url, address: office.key.address, settings: printableOfficeConfig(config) },
    'tax office listens',
  )

  let isStopping = false
  const stop = async (): Promise<void> => {
    if (isStopping) return
    isStopping = true
    logger.info('tax office stops')
    await office.close()
    logger.flush()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
