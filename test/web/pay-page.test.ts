import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { formatLookupCode, newLookupCode } from '../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { sealPayment } from '../../protocol/payments/payment-seal.ts'
import type { VersionAnswer } from '../../web/order/order-answer.ts'
import { caughtUp } from '../support/indexer.ts'
import { somePayment } from '../support/payment-writer.ts'
import { accessibilityFaults, openBrowser, type Tab, useBrowser } from './browser.ts'
import { readPaper } from './paper.ts'
import {
  MARKUP,
  OFFICE_NAME,
  ORDER_ID,
  openTerminal,
  PAYER_TAG,
  slipUrl,
  type Terminal,
} from './payer-terminal.ts'
import { slipFilm, slipPicture } from './slip-pictures.ts'

describe('page of payers', function () {
  this.timeout(60_000)
  const openTab = useBrowser()
  let terminal: Terminal
  let page: Page
  let seen: Tab['seen']
  before(async () => {
    terminal = await openTerminal()
  })
  after(() => terminal?.close())
  beforeEach(() => open())

  async function open(options?: BrowserContextOptions, from?: Browser): Promise<void> {
    ;({ page, seen } = await openTab(options, from))
    await page.goto(`${terminal.indexer.url}/pay`)
  }
  const slip = () => slipUrl(terminal.indexer.url, ORDER_ID, terminal.lookupCode)
  const badges = () => page.locator('.version .badge').allTextContents()
  /** Until every version that was read has been held against the chain. */
  const expectOrder = async () => {
    await page.getByText('CNY 11,654.33').first().waitFor()
    await page.locator('.badge.proven').nth(2).waitFor()
    expect(await badges()).to.deep.equal(['Proven', 'Proven', 'Proven'])
    expect(await page.locator('.version .amount').allTextContents()).to.deep.equal([
      'CNY 345.67',
      'CNY 12,000.00',
      'CNY 12,345.67',
    ])
  }

  it('shows every version of what was typed, with keys alone, and says so aloud', async () => {
    await page.getByLabel('Order id').focus()
    await page.keyboard.type(`  ${ORDER_ID} `)
    await page.keyboard.press('Tab')
    await page.keyboard.type(terminal.lookupCode.toLowerCase().replaceAll('-', ' '))
    await page.keyboard.press('Enter')
    await expectOrder()
    expect(await page.getByRole('status').textContent()).to.equal('3 version(s) found and read.')
    await page.locator('.result:focus').waitFor()
    await page.locator('.version summary').first().focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('.version').first().locator('.step').allTextContents()).to.have.length(11)
    await page.getByText('The registry on the chain holds no later version.').waitFor()
    expect(await page.locator('.version .step.failed').count()).to.equal(0)
    for (const text of [PAYER_TAG, '工资薪金所得', OFFICE_NAME, '30 June 2024', 'Income tax'])
      expect(await page.getByText(text).count(), text).to.be.greaterThan(0)
  })

  it('takes a slip from the address bar, and leaves nothing there', async () => {
    await page.goto('about:blank')
    await page.goto(slip())
    await expectOrder()
    expect(page.url()).to.equal(`${terminal.indexer.url}/pay`)
    expect(await page.evaluate(() => [window.location.href, document.referrer].join())).not.to.include('#')
  })

  it('takes another slip in the same tab', async () => {
    await page.goto(slip())
    await expectOrder()
    await page.evaluate(() => {
      window.location.hash = '#o=PUBLIC-1'
    })
    await page.getByText('GBP 1.50').first().waitFor()
    expect(page.url()).to.equal(`${terminal.indexer.url}/pay`)
  })

  it('takes what arrives with the end of loading, however late frames come', async () => {
    await page.addInitScript(() => {
      const wait = window.setTimeout
      window.requestAnimationFrame = (callback) => wait(() => callback(performance.now()), 500)
      window.setTimeout = ((callback: () => void, ms = 0) => wait(callback, ms + 500)) as typeof wait
      document.addEventListener('DOMContentLoaded', () => {
        window.location.hash = '#o=PUBLIC-1'
      })
    })
    await page.reload()
    await page.getByText('GBP 1.50').first().waitFor()
    expect(page.url()).to.equal(`${terminal.indexer.url}/pay`)
  })

  it('reads the slip from a picture', async () => {
    const file = { name: 'slip.png', mimeType: 'image/png', buffer: await slipPicture(slip()) }
    await page.locator('input[type=file]').setInputFiles(file)
    await expectOrder()
  })

  it('says of a picture without a slip what is wrong with it', async () => {
    const choose = (buffer: Buffer) =>
      page.locator('input[type=file]').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer })
    await choose(Buffer.from('no picture'))
    await page.getByText('There is no QR code to be found in this picture.').waitFor()
    await choose(await slipPicture('https://elsewhere.example/'))
    await page.getByText('This QR code is not that of a payment slip.').waitFor()
  })

  it('scans the slip by camera, and gives the camera back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slip-'))
    const film = join(folder, 'slip.y4m')
    writeFileSync(film, slipFilm(slip()))
    const filming = await openBrowser({
      args: [
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        `--use-file-for-fake-video-capture=${film}`,
      ],
    })
    try {
      await open({}, filming)
      await page.getByRole('button', { name: 'Scan the slip' }).click()
      await expectOrder()
      expect(await page.locator('video').count()).to.equal(0)
      await page.context().close()
    } finally {
      await filming.close()
      rmSync(folder, { recursive: true })
    }
  })

  it('says so when there is no camera', async () => {
    await page.getByRole('button', { name: 'Scan the slip' }).click()
    await page.getByText('The camera cannot be used.').waitFor()
  })

  it('finds a typing error in the code before anything is asked', async () => {
    const [first = ''] = terminal.lookupCode
    const mistyped = `${first === '7' ? '8' : '7'}${terminal.lookupCode.slice(1)}`
    seen.requests.length = 0
    await page.getByLabel('Order id').fill(ORDER_ID)
    await page.getByLabel('Lookup code').fill(mistyped)
    await page.getByRole('button', { name: 'Show the record' }).click()
    await page.getByText('The lookup code has a typing error.').waitFor()
    expect(seen.requests).to.deep.equal([])
  })

  it('says one thing of a code that is another order’s, and shows nothing sealed', async () => {
    await page.goto(slipUrl(terminal.indexer.url, ORDER_ID, formatLookupCode(newLookupCode())))
    await page.getByText('This version does not open with this order id and code.').first().waitFor()
    expect(await badges()).to.deep.equal(['Sealed', 'Sealed', 'Sealed'])
    expect(await page.getByText('12,345.67').count()).to.equal(0)
    expect(await page.locator('.sheet').count()).to.equal(0)
  })

  it('shows of a sealed order without code what everybody can see', async () => {
    await page.goto(slipUrl(terminal.indexer.url, ORDER_ID, ''))
    await page.getByText('This record is sealed.').waitFor()
    expect(await badges()).to.deep.equal(['Sealed', 'Sealed', 'Sealed'])
    expect(await page.getByText('Income tax').count()).to.equal(3)
    expect(await page.getByText(PAYER_TAG).count()).to.equal(0)
  })

  it('shows text of a record as text, whatever it looks like', async () => {
    await page.goto(slipUrl(terminal.indexer.url, 'PUBLIC-1', ''))
    await page.getByText(MARKUP).first().waitFor()
    expect(await page.locator('img').count()).to.equal(0)
  })

  it('warns of records of somebody who is no tax office', async () => {
    const other = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
    const { paymentWriter } = await import('../support/payment-writer.ts')
    const stranger = paymentWriter(terminal.chain.url, {
      registry: terminal.contracts.PaymentRecordRegistry,
      chainId: terminal.chain.chainId,
      key: other,
    })
    await stranger.record([somePayment({ orderId: 'STRANGE-1', authority: OFFICE_NAME })])
    stranger.close()
    await caughtUp(terminal.indexer, terminal.chain)
    await page.goto(slipUrl(terminal.indexer.url, 'STRANGE-1', ''))
    await page.getByText('Not a registered tax office.').waitFor()
    await page.getByText('Contradiction').waitFor()
    expect(await page.locator('.sheet, .net').count()).to.equal(0)
    // Nobody was asked about it yet: a stranger may have written hundreds.
    expect(seen.requests.filter((request) => request.includes(`POST ${terminal.chain.url}`))).to.deep.equal(
      [],
    )
    await page.getByRole('button', { name: 'Hold these records against the chain' }).click()
    await page.getByText('The directory on the chain does not name the account').waitFor()
    await page.getByText('It is in the registry of payments of this installation.').waitFor()
    expect(await page.locator('.sheet, .net').count()).to.equal(0)
  })

  /** The server says something else of orders than it has. */
  async function lie(change: (versions: VersionAnswer[]) => void): Promise<void> {
    await page.route('**/v1/payments/**', async (route) => {
      const response = await route.fetch()
      const answer = await response.json()
      for (const { versions } of answer.histories) change(versions)
      await route.fulfill({ response, json: answer })
    })
  }
  const LATER = 'The registry on the chain holds a later version, which this server does not show.'

  it('sees that a server withholds the newest version: nothing counts, and there is no voucher', async () => {
    await lie((versions) => void versions.pop())
    await page.goto(slip())
    await page.getByText(LATER).waitFor()
    await page.getByText('What counts now cannot be told').waitFor()
    await page.locator('.badge.proven').waitFor()
    expect(await badges()).to.deep.equal(['Contradiction', 'Proven'])
    expect(await page.locator('.sheet, .net').count()).to.equal(0)
    await page.getByText('The chain contradicts this version: there is no voucher of it.').waitFor()
    expect(await accessibilityFaults(page)).to.deep.equal([])
    // The first says what it says: of what came after it there is nothing on the paper.
    await page.getByLabel('Version on the voucher').selectOption({ label: 'Version 1' })
    expect(await page.locator('.sheet .amount').textContent()).to.equal('CNY 12,345.67')
    expect(await page.locator('.sheet table').count()).to.equal(0)
  })

  it('sees that a server says of a version that it does not count', async () => {
    await lie((versions) => {
      versions.at(-1)!.repeated = true
    })
    await page.goto(slip())
    await page.getByText(LATER).waitFor()
    await page.getByText('which the registry does not take').waitFor()
    await page.locator('.badge.proven').waitFor()
    expect(await badges()).to.deep.equal(['Contradiction', 'Does not count', 'Contradiction', 'Proven'])
    expect(await page.locator('.sheet, .net').count()).to.equal(0)
  })

  it('prints no voucher of what the chain contradicts, and says on paper what was not checked', async () => {
    await lie((versions) => {
      versions.at(-1)!.transactionHash = versions[0]!.transactionHash
    })
    await page.goto(slip())
    await page.getByText('The chain contradicts this version').waitFor()
    expect(readPaper(await page.pdf({ preferCSSPageSize: true })).text).not.to.include('CNY')

    await page.unroute('**/v1/payments/**')
    await page.route(`${terminal.chain.url}/**`, (route) => route.abort())
    await page.goto('about:blank')
    await page.goto(slip())
    await page.getByText('The chain itself was not asked').first().waitFor({ state: 'attached' })
    const paper = readPaper(await page.pdf({ preferCSSPageSize: true }))
    expect(paper.pages).to.equal(1)
    expect(paper.text).to.include('Notcheckedwiththechain').and.include('CNY345.67')
    seen.complaints.length = 0
  })

  it('takes no older version for the newest where that one does not open', async () => {
    const [first] = await terminal.writer.record([somePayment({ orderId: 'CLOSED-2' })], 'sealed')
    const { place, recordRaw } = terminal.writer
    const record = somePayment({ orderId: 'CLOSED-2', version: 2, kind: 'correction' })
    const second = sealPayment(record, newLookupCode(), place, first!.digest)
    await recordRaw({ orderKey: orderKeyOf('CLOSED-2'), version: 2, ...second })
    await caughtUp(terminal.indexer, terminal.chain)
    await page.goto(slipUrl(terminal.indexer.url, 'CLOSED-2', terminal.lookupCode))
    await page.getByText('Proven').waitFor()
    expect(await badges()).to.deep.equal(['Sealed', 'Proven'])
    await page.getByText('Cannot be told, as not all versions can be read.').waitFor()
    expect(await page.locator('.sheet').count()).to.equal(0)
    await page.getByLabel('Version on the voucher').selectOption({ label: 'Version 1' })
    expect(await page.locator('.sheet .amount').textContent()).to.equal('GBP 123.45')
  })

  it('keeps what an office adds apart from what the record says', async () => {
    const fields = { Amount: '0.01', 支付: 'x' }
    await terminal.writer.record([somePayment({ orderId: 'ADDED-1', fields })], 'public')
    await caughtUp(terminal.indexer, terminal.chain)
    await page.goto(slipUrl(terminal.indexer.url, 'ADDED-1', ''))
    await page.getByText('Added by the office, under names of its own').first().waitFor()
    const terms = await page.locator('.version .fields dt').allTextContents()
    expect(terms).to.deep.equal(['Amount', '支付'])
  })

  it('names the heads that prove that nothing is recorded', async () => {
    await page.goto(slipUrl(terminal.indexer.url, 'NOTHING-1', terminal.lookupCode))
    await page.getByRole('heading', { name: 'Nothing was found under this order id' }).waitFor()
    expect(await page.locator('.not-found tbody td').first().textContent()).to.equal(OFFICE_NAME)
    await page.getByText('A node of the chain was asked, too').waitFor()
  })

  it('sees that a server withholds a record', async () => {
    await page.goto(slipUrl(terminal.indexer.url, 'NOTHING-1', ''))
    await page.locator('.not-found').waitFor()
    const nothing = await (await fetch(`${terminal.indexer.url}/v1/payments/NOTHING-1`)).text()
    await page.route('**/v1/payments/**', (route) => route.fulfill({ status: 404, body: nothing }))
    await page.evaluate((fragment) => {
      window.location.hash = fragment
    }, new URL(slip()).hash)
    await page.getByText('The chain holds a record that this server does not show.').waitFor()
  })

  it('says in plain words that the server does not answer', async () => {
    await page.route('**/v1/payments/**', (route) => route.abort())
    await page.goto(slip())
    await page.getByText('The server gives no usable answer.').waitFor()
    seen.complaints.length = 0
  })

  it('forgets everything when told to', async () => {
    await page.goto(slip())
    await expectOrder()
    await page.getByRole('button', { name: 'Finish and clear' }).click()
    await page.getByText('Cleared. Nothing is kept.').waitFor()
    expect(await page.locator('.version, .sheet').count()).to.equal(0)
    expect(await page.getByLabel('Lookup code').inputValue()).to.equal('')
    expect(await page.getByLabel('Order id').inputValue()).to.equal('')
  })

  it('forgets everything when nothing was done for five minutes', async () => {
    await page.clock.install()
    await page.goto(slip())
    await expectOrder()
    await page.clock.fastForward('04:50')
    await page.keyboard.press('Shift')
    await page.clock.fastForward('04:50')
    expect(await page.locator('.version').count()).to.equal(3)
    await page.clock.fastForward('00:20')
    await page.getByText('Cleared, as nothing was done for five minutes.').waitFor()
    expect(await page.getByLabel('Lookup code').inputValue()).to.equal('')
    expect(await page.locator('.version, .sheet').count()).to.equal(0)
  })

  it('is empty for whoever goes back to it', async () => {
    await page.goto(slip())
    await expectOrder()
    await page.getByRole('link', { name: 'Open the verification page' }).click()
    await page.getByRole('heading', { name: 'Verified' }).waitFor()
    await page.goBack()
    await page.getByLabel('Order id').waitFor()
    expect(await page.getByLabel('Lookup code').inputValue()).to.equal('')
    expect(await page.locator('.version, .sheet').count()).to.equal(0)
  })

  it('speaks Chinese to whoever prefers it, and switches', async () => {
    await open({ locale: 'zh-CN' })
    await page.goto(slip())
    await page.getByText('当前有效金额').first().waitFor()
    expect(await page.title()).to.equal('缴费查询 · Countersign')
    expect(await page.evaluate(() => document.documentElement.lang)).to.equal('zh-CN')
    await page.getByText('已证实').nth(2).waitFor()
    await page.getByRole('button', { name: 'English' }).click()
    await expectOrder()
    expect(await page.evaluate(() => document.documentElement.lang)).to.equal('en-GB')
  })

  for (const colorScheme of ['light', 'dark'] as const)
    it(`has no fault that axe-core finds, ${colorScheme}, wide and narrow`, async () => {
      for (const viewport of [
        { width: 1200, height: 900 },
        { width: 360, height: 700 },
      ]) {
        await open({ colorScheme, viewport, reducedMotion: 'reduce' })
        expect(await accessibilityFaults(page)).to.deep.equal([])
        await page.goto(slip())
        await expectOrder()
        for (const summary of await page.locator('summary').all()) await summary.click()
        expect(await accessibilityFaults(page)).to.deep.equal([])
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        expect(overflow, 'nothing is cut off at the side').to.be.at.most(0)
        await page.goto(slipUrl(terminal.indexer.url, 'NOTHING-1', ''))
        await page.locator('.not-found').waitFor()
        expect(await accessibilityFaults(page)).to.deep.equal([])
      }
    })

  it('prints a voucher on one page, whose QR code is read off the paper, followed and verified', async () => {
    await page.goto(slip())
    await expectOrder()
    const paper = readPaper(await page.pdf({ preferCSSPageSize: true }))
    expect([paper.pages, paper.size]).to.deep.equal([1, [210, 297]])
    for (const text of [
      'Payment voucher',
      OFFICE_NAME,
      'CNY 345.67',
      'CNY 11,654.33',
      ORDER_ID.replace('税', ''),
      '工资薪金所得',
    ])
      expect(paper.text).to.include(text.replace(/\s/g, ''))
    expect(paper.text.replaceAll('-', '')).not.to.include(terminal.lookupCode.replaceAll('-', ''))
    expect(paper.qr).to.match(new RegExp(`^${terminal.indexer.url}/pay/verify#v=[A-Za-z0-9_-]+$`))
    await page.goto(paper.qr!)
    await page.getByRole('heading', { name: 'Verified' }).waitFor()
    expect(await page.locator('.amount').textContent()).to.equal('CNY 345.67')
  })

  it('sends neither order id nor code nor payer to anybody, and no log has them', async () => {
    await page.goto(slip())
    await expectOrder()
    await page.getByRole('button', { name: 'Finish and clear' }).click()
    expect(seen.requests.some((request) => request.includes(orderKeyOf(ORDER_ID)))).to.equal(true)
    const origins = new Set([terminal.indexer.url, terminal.chain.url])
    for (const request of seen.requests) expect(origins).to.include(new URL(request.split(' ')[1]!).origin)
    expect(terminal.logged.length).to.be.greaterThan(0)
    const everything = [...seen.requests, ...terminal.logged].join('\n')
    const hidden = [terminal.lookupCode, ORDER_ID, PAYER_TAG, '工资薪金所得']
    for (const secret of [...hidden, Buffer.from(terminal.writer.code).toString('hex')])
      for (const form of [
        secret,
        secret.replaceAll('-', ''),
        encodeURIComponent(secret),
        secret.toLowerCase(),
      ])
        expect(everything.includes(form), 'a secret left the page').to.equal(false)
  })
})
