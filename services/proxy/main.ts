import { isCountersignError } from '../../protocol/errors.ts'
import { createLogger } from '../party/logger.ts'
import { composeProxy } from './compose-proxy.ts'
import { type ProxyConfig, printableConfig, readProxyConfig } from './config.ts'

try {
  await run(readProxyConfig(process.env))
} catch (error) {
  if (!isCountersignError(error)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.action}\n`)
  process.exitCode = 1
}

async function run(config: ProxyConfig): Promise<void> {
  const logger = createLogger('proxy', config.LOG_LEVEL)
  const proxy = await composeProxy(config, logger)
  const url = await proxy.listen()
  logger.info({ url, address: proxy.auditor.address, settings: printableConfig(config) }, 'proxy listens')

  let isStopping = false
  const stop = async (): Promise<void> => {
    if (isStopping) return
    isStopping = true
    logger.info('proxy stops')
    await proxy.close()
    logger.flush()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}
