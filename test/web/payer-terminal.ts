import type { NonceManager } from 'ethers'
import { pino } from 'pino'
import { startIndexer } from '../../indexer/indexer.ts'
import { formatLookupCode } from '../../protocol/payments/lookup-code.ts'
import { roleMask } from '../../protocol/roles.ts'
import { startAnvil } from '../support/anvil.ts'
import { DEPLOYER_KEY, deployAll, directoryAs } from '../support/contracts.ts'
import { caughtUp, testChain, testConfig } from '../support/indexer.ts'
import { paymentWriter, somePayment } from '../support/payment-writer.ts'

/** What tests look for where it must not be. */
export const ORDER_ID = 'SZ-2024/000 123+税'
export const PAYER_TAG = 'payer-tag-310101'
export const OFFICE_NAME = 'Tax Office North'
export const MARKUP = '<img src=x onerror=alert(1)>'

/** A tax office with a sealed order of three versions, a public and two published ones, on a real chain with an indexer before it. */
export async function openTerminal() {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const writer = paymentWriter(chain.url, {
    registry: contracts.PaymentRecordRegistry,
    chainId: chain.chainId,
    key: DEPLOYER_KEY,
  })
  const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
  const administer = async (method: string, ...values: unknown[]) => {
    // The office writes from the same account.
    ;(directory.runner as NonceManager).reset()
    await (await directory.getFunction(method)(...values)).wait()
    writer.reset()
  }
  await administer('register', writer.office, roleMask(['taxOffice']), OFFICE_NAME, '', '')
  const sealed = {
    orderId: ORDER_ID,
    payerTag: PAYER_TAG,
    currency: 'CNY',
    authority: '国家税务总局上海市税务局',
    fields: { 税目: '工资薪金所得', account: '6217 0000 1234' },
  }
  const versions = [
    { amountMinor: 1_234_567 },
    { version: 2, kind: 'correction', amountMinor: 1_200_000, paidAt: '2024-05-02' },
    { version: 3, kind: 'refund', amountMinor: 34_567, paidAt: '2024-06-30' },
  ] as const
  for (const version of versions) await writer.record([somePayment({ ...sealed, ...version })], 'sealed')
  await writer.record([somePayment({ orderId: 'PUBLIC-1', amountMinor: 1_50, authority: MARKUP })], 'public')
  const published = ['PUBLISHED-1', 'PUBLISHED-2'].map((orderId) => somePayment({ orderId }))
  await writer.publish(published, 'sealed')

  const logged: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) })
  const indexer = await startIndexer(testConfig([testChain(chain, contracts)]), log)
  await caughtUp(indexer, chain)
  return {
    chain,
    contracts,
    writer,
    administer,
    indexer,
    logged,
    lookupCode: formatLookupCode(writer.code),
    async close() {
      await indexer.stop()
      writer.close()
      provider.destroy()
      await chain.stop()
    },
  }
}
export type Terminal = Awaited<ReturnType<typeof openTerminal>>

/** What a slip's QR code holds. */
export const slipUrl = (origin: string, orderId: string, lookupCode: string): string =>
  `${origin}/pay#o=${encodeURIComponent(orderId)}&c=${encodeURIComponent(lookupCode)}`
