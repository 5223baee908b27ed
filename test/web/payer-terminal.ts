import { pino } from 'pino'
import { type Browser, chromium, type LaunchOptions } from 'playwright-core'
import { startIndexer } from '../../indexer/indexer.ts'
import { formatLookupCode } from '../../protocol/payments/lookup-code.ts'
import { roleMask } from '../../protocol/roles.ts'
import { startAnvil } from '../support/anvil.ts'
import { DEPLOYER_KEY, deployAll, directoryAs } from '../support/contracts.ts'
import { caughtUp, testChain, testConfig } from '../support/indexer.ts'
import { paymentWriter, somePayment } from '../support/payment-writer.ts'

export const CHROMIUM = '/usr/bin/chromium'

/** What tests look for where it must not be. */
export const ORDER_ID = 'SZ-2024/000 123+税'
export const PAYER_TAG = 'payer-tag-310101'
export const OFFICE_NAME = 'Tax Office North'

/** A tax office with a sealed order of three versions, a public and a published one, on a real chain with an indexer before it. */
export async function openTerminal() {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const writer = paymentWriter(chain.url, {
    registry: contracts.PaymentRecordRegistry,
    chainId: chain.chainId,
    key: DEPLOYER_KEY,
  })
  const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
  await (
    await directory.getFunction('register')(writer.office, roleMask(['taxOffice']), OFFICE_NAME, '', '')
  ).wait()
  const sealed = {
    orderId: ORDER_ID,
    payerTag: PAYER_TAG,
    currency: 'CNY',
    authority: '国家税务总局上海市税务局',
    fields: { 税目: '工资薪金所得', account: '6217 0000 1234' },
  }
  await writer.record([somePayment({ ...sealed, amountMinor: 1_234_567 })], 'sealed')
  await writer.record(
    [somePayment({ ...sealed, version: 2, kind: 'correction', amountMinor: 1_200_000, paidAt: '2024-05-02' })],
    'sealed',
  )
  await writer.record(
    [somePayment({ ...sealed, version: 3, kind: 'refund', amountMinor: 34_567, paidAt: '2024-06-30' })],
    'sealed',
  )
  await writer.record([somePayment({ orderId: 'PUBLIC-1', amountMinor: 1_50 })], 'public')
  await writer.publish([somePayment({ orderId: 'PUBLISHED-1' }), somePayment({ orderId: 'PUBLISHED-2' })], 'sealed')

  const logged: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) })
  const indexer = await startIndexer(testConfig([testChain(chain, contracts)]), log)
  await caughtUp(indexer, chain)
  return {
    chain,
    contracts,
    writer,
    directory,
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

export const openBrowser = ({ args = [], ...options }: LaunchOptions = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
    ...options,
  })
