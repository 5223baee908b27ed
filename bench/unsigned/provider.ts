import { createLogger } from '../../services/party/logger.ts'
import { composeProvider } from '../../services/provider/compose-provider.ts'
import { readProviderConfig } from '../../services/provider/provider-config.ts'
import { endInOrder } from '../end-in-order.ts'

/** The provider with signatures and recording switched off, for comparison only: it answers, hashes and keeps, but signs nothing and writes to no chain. */
const config = readProviderConfig(process.env)
const provider = await composeProvider(config, createLogger('provider', config.LOG_LEVEL), {
  authenticate: () => {},
  keeping: {
    sign: () => `0x${'0'.repeat(130)}`,
    writer: {
      add: () => {},
      notify: () => {},
      whenRecorded: () => Promise.reject(new Error('nothing is recorded here')),
    },
  },
})
await provider.listen()
endInOrder(() => provider.close())
