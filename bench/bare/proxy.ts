import { createLogger } from '../../services/party/logger.ts'
import { composeProxy } from '../../services/proxy/compose-proxy.ts'
import { readProxyConfig } from '../../services/proxy/config.ts'
import { openProxyStore } from '../../services/proxy/store/proxy-store.ts'
import { endInOrder } from '../end-in-order.ts'

/** The least a proxy could do, for comparison only: same server, same fan-out, replies of the same form and size, nothing stored, checked or signed. */
const config = readProxyConfig(process.env)
const store = openProxyStore(config.PROXY_DATABASE)
const proxy = await composeProxy(config, createLogger('proxy', config.LOG_LEVEL), {
  sign: () => ({}),
  checkAnswer: (body) => JSON.stringify((body as { receipt: unknown }).receipt),
  store: { ...store, commit: async () => undefined as never },
})
await proxy.listen()
endInOrder(() => proxy.close())
