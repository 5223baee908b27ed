import { isCountersignError } from '../../protocol/errors.ts'
import { createLogger } from '../party/logger.ts'
import { composeEvidence } from './compose-evidence.ts'
import { type EvidenceConfig, printableEvidenceConfig, readEvidenceConfig } from './config.ts'

try {
  await run(readEvidenceConfig(process.env))
} catch (error) {
  if (!isCountersignError(error)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
  process.exitCode = 1
}

async function run(config: EvidenceConfig): Promise<void> {
  const logger = createLogger('evidence', config.LOG_LEVEL)
  const evidence = await composeEvidence(config, logger)
  const url = await evidence.listen()
  logger.info(
    { url, address: evidence.key.address, settings: printableEvidenceConfig(config) },
    'evidence server listens',
  )

  let isStopping = false
  const stop = async (): Promise<void> => {
    if (isStopping) return
    isStopping = true
    logger.info('evidence server stops')
    await evidence.close()
    logger.flush()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
