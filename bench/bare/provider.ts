import { ZERO_BYTES32 } from '../../protocol/hex.ts'
import { RECEIPT_MEDIA_TYPE } from '../../protocol/receipt.ts'
import { createLogger } from '../../services/party/logger.ts'
import type { AnswerKeeper } from '../../services/provider/answers/answer-keeper.ts'
import { composeProvider } from '../../services/provider/compose-provider.ts'
import { readProviderConfig } from '../../services/provider/provider-config.ts'
import { endInOrder } from '../end-in-order.ts'

/** The least a provider could do, for comparison only: same server, same book, answers of the same form and size, nothing kept, hashed or signed. */
const config = readProviderConfig(process.env)
const keeper: AnswerKeeper = {
  keep: async ({ query, disclosure, result }) => ({
    format: RECEIPT_MEDIA_TYPE,
    version: 1,
    kind: 'query-result',
    chainId: config.PROVIDER_CHAIN_ID,
    registry: `0x${'0'.repeat(40)}`,
    author: `0x${'0'.repeat(40)}`,
    serial: query.serial,
    disclosure,
    result,
    contentHash: ZERO_BYTES32,
    salt: ZERO_BYTES32,
    digest: ZERO_BYTES32,
    answeredAt: 0,
    recordBy: 0,
    signature: `0x${'0'.repeat(130)}`,
    proof: null,
    head: null,
    integrity: ZERO_BYTES32,
  }),
}
const provider = await composeProvider(config, createLogger('provider', config.LOG_LEVEL), {
  keeper,
  authenticate: () => {},
})
await provider.listen()
endInOrder(() => provider.close())
