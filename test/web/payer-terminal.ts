import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { NonceManager } from 'ethers'
import type { Context } from 'mocha'
import { pino } from 'pino'
import { type Browser, chromium, type LaunchOptions, type Page } from 'playwright-core'
import { startIndexer } from '../../indexer/indexer.ts'
import { formatLookupCode } from '../../protocol/payments/lookup-code.ts'
import { roleMask } from '../../protocol/roles.ts'
import { startAnvil } from '../support/anvil.ts'
import { DEPLOYER_KEY, deployAll, directoryAs } from '../support/contracts.ts'
import { caughtUp, testChain, testConfig } from '../support/indexer.ts'
import { paymentWriter, somePayment } from '../support/payment-writer.ts'

const CHROMIUM = '/usr/bin/chromium'

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

/** Ends the test, or all of a block, where there is no browser to walk through the page. */
export function requireChromium(test: Context): void {
  if (existsSync(CHROMIUM)) return
  console.log(`      skipped: ${CHROMIUM} is not installed`)
  test.skip()
}

export const openBrowser = ({ args = [], ...options }: LaunchOptions = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
    ...options,
  })

/** Everything that a page's browser sends, and what its console says of policies broken and errors thrown. */
export function watch(page: Page): { requests: string[]; complaints: string[] } {
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => {
    requests.push(
      `${request.method()} ${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`,
    )
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 404'))
      complaints.push(message.text())
  })
  return { requests, complaints }
}

const AXE = createRequire(import.meta.url)('axe-core') as { source: string }

/** What axe-core finds wrong with a page as it stands, e.g. `label: #order`. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE.source)
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { target: string[] }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
  })
}
