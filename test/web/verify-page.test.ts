import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { decodeVoucher, encodeVoucher, type PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import { voucherDigests } from '../../protocol/payments/voucher-check.ts'
import { askIndexer } from '../../web/order/ask-indexer.ts'
import { readHistory } from '../../web/order/read-history.ts'
import { caughtUp, startTestIndexer, testChain } from '../support/indexer.ts'
import { somePayment } from '../support/payment-writer.ts'
import { accessibilityFaults, type Tab, useBrowser } from './browser.ts'
import { OFFICE_NAME, ORDER_ID, openTerminal, type Terminal } from './payer-terminal.ts'
import { slipPicture } from './slip-pictures.ts'

describe('page that verifies vouchers', function () {
  this.timeout(60_000)
  const openTab = useBrowser()
  let terminal: Terminal
  let page: Page
  let seen: Tab['seen']
  /** Of the sealed order; the third is the newest. */
  let vouchers: PaymentVoucher[]
  let published: PaymentVoucher
  /** What the registry holds of the newest. */
  let nextEntry: string
  before(async () => {
    terminal = await openTerminal()
    vouchers = await vouchersOf(ORDER_ID)
    nextEntry = voucherDigests(newest()).entryDigest
    published = (await vouchersOf('PUBLISHED-2'))[0]!
  })
  after(() => terminal?.close())
  beforeEach(async () => {
    ;({ page, seen } = await openTab())
  })

  async function vouchersOf(orderId: string): Promise<PaymentVoucher[]> {
    const found = await askIndexer(terminal.indexer.url, orderKeyOf(orderId))
    if (found.outcome !== 'found') throw new Error(`${orderId} is not recorded`)
    return readHistory(found.histories[0]!, orderId, terminal.writer.code).versions.map(
      ({ voucher }) => voucher!,
    )
  }
  const newest = () => vouchers.at(-1)!
  const link = (text: string, path = '/pay/verify') => `${terminal.indexer.url}${path}#v=${text}`
  async function open(text: string, path?: string): Promise<void> {
    await page.goto('about:blank')
    await page.goto(link(text, path))
    await page.locator('.verdict:not(.waiting)').waitFor()
  }
  const verdict = () => page.locator('.verdict').getAttribute('data-verdict')
  const heading = () => page.locator('.verdict h2').textContent()
  const failed = () => page.locator('.step.failed').allTextContents()

  it('verifies a voucher by asking the node, and nobody else', async () => {
    await open(encodeVoucher(newest()))
    expect([await verdict(), await heading()]).to.deep.equal(['consistent', 'Verified'])
    expect(await page.locator('.verdict p').textContent()).to.include(OFFICE_NAME)
    expect(await page.locator('.step').count()).to.equal(7)
    expect(await failed()).to.deep.equal([])
    expect(page.url()).to.equal(`${terminal.indexer.url}/pay/verify`)
    const ofServer = seen.requests.filter((request) => request.includes(terminal.indexer.url))
    for (const request of ofServer) expect(request).to.match(/^GET \S+\/pay\/(verify|assets\/\S+) /)
    expect(seen.requests.length).to.be.greaterThan(ofServer.length)
    expect(seen.requests.join()).not.to.include(encodeVoucher(newest()))
  })

  it('cannot ask the server even if it tried', async () => {
    await open(encodeVoucher(newest()))
    const answer = await page.evaluate(() =>
      fetch('/v1/status').then(
        () => 'answered',
        () => 'refused',
      ),
    )
    expect(answer).to.equal('refused')
    seen.complaints.length = 0
  })

  it('says that a later version took its place', async () => {
    await open(encodeVoucher(vouchers[0]!))
    expect([await verdict(), await heading()]).to.deep.equal([
      'superseded',
      'True, but no longer the last word',
    ])
  })

  it('verifies a published record, and says what cannot be known of it', async () => {
    await open(encodeVoucher(published))
    expect([await verdict(), await heading()]).to.deep.equal(['consistent', 'Published like this'])
    expect(await page.getByRole('status').textContent()).to.equal('Published like this')
    await page.getByText('Whether the office had published this version before with other content').waitFor()
  })

  it('refuses a voucher with any character changed, cut off or added', async () => {
    const text = encodeVoucher(newest())
    const other = (character: string) => (character === 'A' ? 'B' : 'A')
    const places = [0, 1, 2, 20, 60, 100, Math.floor(text.length / 2), text.length - 40, text.length - 2]
    const altered = [
      ...places.map((at) => text.slice(0, at) + other(text[at]!) + text.slice(at + 1)),
      text.slice(0, -1),
      `${text}A`,
      text.slice(1),
      `${text}.`,
      '',
    ]
    for (const change of altered) {
      await open(change)
      expect(await heading(), change).to.equal('This is no intact voucher')
      expect(await page.locator('.record').count()).to.equal(0)
    }
  })

  const forgeries: [string, string, (voucher: PaymentVoucher) => PaymentVoucher][] = [
    [
      'another amount',
      'changed',
      (v) => ({ ...v, record: { ...v.record, amountMinor: v.record.amountMinor + 1 } }),
    ],
    ['another payer', 'changed', (v) => ({ ...v, record: { ...v.record, payerTag: 'somebody else' } })],
    ['another order', 'unrecorded', (v) => ({ ...v, record: { ...v.record, orderId: 'OTHER' } })],
    ['another transaction', 'changed', (v) => ({ ...v, transactionHash: published.transactionHash })],
    ['another block', 'changed', (v) => ({ ...v, blockNumber: v.blockNumber - 1 })],
    ['another office', 'unknown-office', (v) => ({ ...v, place: { ...v.place, office: v.place.registry } })],
    [
      'another registry',
      'unknown-office',
      (v) => ({ ...v, place: { ...v.place, registry: v.place.office } }),
    ],
  ]
  for (const [what, expected, change] of forgeries)
    it(`finds ${what} in a voucher that is intact but not genuine`, async () => {
      await open(encodeVoucher(change(newest())))
      expect(await verdict()).to.equal(expected)
      expect(await failed()).not.to.deep.equal([])
    })

  it('does not take what a registry says that is not the known one', async () => {
    const { deployAll } = await import('../support/contracts.ts')
    const { paymentWriter } = await import('../support/payment-writer.ts')
    const { DEPLOYER_KEY } = await import('../support/contracts.ts')
    const elsewhere = await deployAll(terminal.chain.url)
    terminal.writer.reset()
    const registry = elsewhere.PaymentRecordRegistry
    const writer = paymentWriter(terminal.chain.url, {
      registry,
      chainId: terminal.chain.chainId,
      key: DEPLOYER_KEY,
    })
    const [payment] = await writer.record([somePayment({ orderId: 'ELSEWHERE' })])
    writer.close()
    terminal.writer.reset()
    const forged = {
      ...newest(),
      place: { ...newest().place, registry },
      record: payment!.record,
      seal: null,
    }
    await open(encodeVoucher({ ...forged, previousDigest: `0x${'00'.repeat(32)}` }))
    expect(await verdict()).to.equal('unknown-office')
  })

  it('takes a pasted link, the text alone, and a picture of the paper', async () => {
    await page.goto(`${terminal.indexer.url}/pay/verify`)
    const text = encodeVoucher(newest())
    for (const pasted of [link(text), text]) {
      await page.getByLabel('Link or text of the voucher').fill(` ${pasted} `)
      await page.getByRole('button', { name: 'Verify', exact: true }).click()
      await page.getByRole('heading', { name: 'Verified' }).waitFor()
      await page.reload()
    }
    const buffer = await slipPicture(link(text))
    await page.locator('input[type=file]').setInputFiles({ name: 'p.png', mimeType: 'image/png', buffer })
    await page.getByRole('heading', { name: 'Verified' }).waitFor()
  })

  it('says that nothing was found out when no node answers', async () => {
    await page.route(`${terminal.chain.url}/**`, (route) => route.abort())
    await open(encodeVoucher(newest()))
    expect(await heading()).to.equal('Could not be verified')
    await page.getByText('No node of the chain gives an answer.').waitFor()
    await page.unroute(`${terminal.chain.url}/**`)
    await page.getByRole('button', { name: 'Verify again' }).click()
    await page.getByRole('heading', { name: 'Verified' }).waitFor()
    seen.complaints.length = 0
  })

  describe('asking other nodes', () => {
    /** A node at this address that passes all on, but for what it lies about. */
    const OTHER = 'https://other-node.example'
    async function otherNode(lie: (method: string, result: unknown) => unknown = (_, result) => result) {
      await page.route(`${OTHER}/**`, async (route) => {
        const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
        if (route.request().method() === 'OPTIONS') return route.fulfill({ headers })
        const { method, params } = route.request().postDataJSON()
        const result = lie(method, await terminal.chain.request(method, params))
        return route.fulfill({ headers, json: { jsonrpc: '2.0', id: 1, result } })
      })
    }
    async function askOthers(...urls: string[]) {
      await page.getByRole('link', { name: 'Use other nodes or addresses' }).click()
      await page.waitForURL('**/pay/verify/own-nodes')
      await page.getByRole('heading', { name: 'Verified' }).waitFor()
      for (const [i, url] of urls.entries()) await page.getByLabel(`JSON-RPC endpoint ${i + 1}`).fill(url)
      const { PaymentRecordRegistry, ParticipantDirectory } = terminal.contracts
      await page.getByLabel('Registry of payments').fill(PaymentRecordRegistry)
      await page.getByLabel('Directory of participants').fill(ParticipantDirectory)
      await submit()
    }
    const unchecked = () => page.locator('.plain li').allTextContents()
    const ONE_NODE = 'Whether the node tells the truth. Ask two nodes, or one of your own, to be sure.'
    const TWO_NODES = 'Whether both nodes are wrong in the same way.'
    const PAYER = 'Whether the person who shows the voucher is the payer.'
    const ADDRESSES =
      'Whether registry and directory are the right ones: their addresses come with this page.'
    const submit = () =>
      page.locator('section', { hasText: 'Ask other nodes' }).getByRole('button', { name: 'Verify' }).click()

    it('takes two that agree', async () => {
      await otherNode()
      await open(encodeVoucher(newest()))
      await askOthers(terminal.chain.url, OTHER)
      await page.getByText(`Nodes asked: ${new URL(terminal.chain.url).host}, other-node.example`).waitFor()
      expect(await verdict()).to.equal('consistent')
      expect(await unchecked()).to.deep.equal([TWO_NODES, PAYER])
      expect(await accessibilityFaults(page)).to.deep.equal([])
    })

    it('asks for addresses, and says that they came with the page as long as nobody gave any', async () => {
      await open(encodeVoucher(newest()))
      expect(await unchecked()).to.deep.equal([ONE_NODE, ADDRESSES, PAYER])
      await page.getByRole('link', { name: 'Use other nodes or addresses' }).click()
      await page.waitForURL('**/pay/verify/own-nodes')
      await page.getByRole('heading', { name: 'Verified' }).waitFor()
      expect(await page.getByLabel('Registry of payments').inputValue()).to.equal('')
      expect(await page.getByLabel('Directory of participants').inputValue()).to.equal('')
      await page.getByLabel('JSON-RPC endpoint 1').fill(terminal.chain.url)
      await submit()
      expect(
        await page.locator('#registry-31337:invalid, #directory:invalid').count(),
        'addresses are wanted',
      ).to.equal(2)
      expect(await unchecked()).to.deep.equal([ONE_NODE, ADDRESSES, PAYER])
    })

    it('believes the one of two nodes that knows of a later version', async () => {
      await otherNode((method, result) =>
        method === 'eth_call' && result === nextEntry ? `0x${'00'.repeat(32)}` : result,
      )
      await open(encodeVoucher(vouchers[1]!))
      await page.getByRole('link', { name: 'Use other nodes or addresses' }).click()
      await page.waitForURL('**/pay/verify/own-nodes')
      await page.getByLabel('JSON-RPC endpoint 1').fill(OTHER)
      await page.getByLabel('JSON-RPC endpoint 2').fill(terminal.chain.url)
      await page.getByLabel('Registry of payments').fill(terminal.contracts.PaymentRecordRegistry)
      await page.getByLabel('Directory of participants').fill(terminal.contracts.ParticipantDirectory)
      await submit()
      await page.getByText('Nodes asked: other-node.example').waitFor()
      expect(await verdict()).to.equal('superseded')
    })

    for (const lied of ['eth_call', 'eth_getTransactionReceipt', 'eth_getBlockByNumber'])
      it(`gives no verdict when one lies to ${lied}`, async () => {
        await otherNode((method, result) => {
          if (method !== lied) return result
          const text = JSON.stringify(result)
          return JSON.parse(
            text.replace(/[0-9a-f](?=[0-9a-f]{3}"[},]?|"$)/g, (digit) => (digit === '0' ? '1' : '0')),
          )
        })
        await open(encodeVoucher(newest()))
        await askOthers(terminal.chain.url, OTHER)
        await page.getByRole('heading', { name: 'Could not be verified' }).waitFor()
      })

    it('gives none either when one does not answer', async () => {
      await page.route(`${OTHER}/**`, (route) => route.abort())
      await open(encodeVoucher(newest()))
      await askOthers(terminal.chain.url, OTHER)
      await page.getByText('No node of the chain gives an answer.').waitFor()
      seen.complaints.length = 0
    })

    it('believes the addresses that were typed', async () => {
      await open(encodeVoucher(newest()))
      await askOthers(terminal.chain.url)
      await page.getByText('What was checked').waitFor()
      await page.getByLabel('Registry of payments').fill(terminal.contracts.QueryResultRegistry)
      await submit()
      await page.getByRole('heading', { name: 'Not from a known tax office' }).waitFor()
      await page.getByLabel('Registry of payments').fill('nonsense')
      await submit()
      await page.getByText('An endpoint has to be').waitFor()
    })
  })

  it('is unconfirmed until the block is final', async () => {
    const slow = await startTestIndexer([
      testChain(terminal.chain, terminal.contracts, { finalityDepth: 5_000 }),
    ])
    try {
      await page.goto(`${slow.url}/pay/verify#v=${encodeVoucher(newest())}`)
      await page.getByRole('heading', { name: 'Recorded, not final yet' }).waitFor()
      expect(await page.locator('.step.pending').count()).to.equal(1)
    } finally {
      await slow.stop()
    }
  })

  it('has no fault that axe-core finds, whatever the verdict', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    const forged = forgeries[0]![2](newest())
    for (const colorScheme of ['light', 'dark'] as const)
      for (const text of [newest(), vouchers[0]!, forged].map(encodeVoucher).concat('broken')) {
        await page.emulateMedia({ colorScheme })
        await open(text)
        expect(await accessibilityFaults(page)).to.deep.equal([])
      }
  })

  it('speaks Chinese', async () => {
    ;({ page, seen } = await openTab({ locale: 'zh-CN' }))
    await open(encodeVoucher(newest()))
    expect(await heading()).to.equal('核验通过')
    expect(await page.locator('.verdict p').textContent()).to.include(OFFICE_NAME)
  })

  it('flags what an office recorded while it was suspended, and still knows what it recorded before', async () => {
    const SUSPENDED = 2
    await terminal.administer('setStatus', terminal.writer.office, SUSPENDED)
    await terminal.writer.record([somePayment({ orderId: 'LATE-1' })])
    await caughtUp(terminal.indexer, terminal.chain)
    const [late] = await vouchersOf('LATE-1')
    await open(encodeVoucher(late!))
    expect(await verdict()).to.equal('suspended-author')
    await open(encodeVoucher(decodeVoucher(encodeVoucher(newest()))))
    expect(await verdict()).to.equal('consistent')
  })
})
