import { createLogger } from '../../services/party/logger.ts'
import { answerChecker } from '../../services/proxy/answer-check.ts'
import { composeProxy } from '../../services/proxy/compose-proxy.ts'
import { readProxyConfig } from '../../services/proxy/config.ts'
import { endInOrder } from '../end-in-order.ts'

/** The proxy with signatures switched off, for comparison only: it checks everything else and stores what it was given. */
const config = readProxyConfig(process.env)
const proxy = await composeProxy(config, createLogger('proxy', config.LOG_LEVEL), {
  sign: () => ({}),
  checkAnswer: answerChecker({
    clockToleranceS: config.PROXY_CLOCK_TOLERANCE_S,
    maxPromiseS: config.PROXY_MAX_PROMISE_S,
    checkSignature: () => {},
  }),
})
await proxy.listen()
endInOrder(() => proxy.close())
