import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { type Neighbourhood, paymentRequest, settleOffice } from '../../services/tax-office/office-fixture.ts'
import { runScript } from '../../services/tax-office/upload-fixture.ts'

const NASTY = `<b>"A"&'B'</b>`

describe('payment-slips', () => {
  let home: Neighbourhood

  before(async () => {
    home = await settleOffice()
    await home.office.start()
    await home.office.client.upload([paymentRequest(), paymentRequest({ orderId: NASTY })])
  })
  after(() => home.end())

  const run = (...args: string[]) => runScript(home.office, 'payment-slips', args).ended
  const codeOf = async (orderId: string) => (await home.office.client.slips([orderId]))[0]!.lookupCode!

  it('prints order, grouped code and a QR code in the terminal', async () => {
    const { code, stdout } = await run('--order', 'ORDER-1')
    expect(code).to.equal(0)
    expect(stdout)
      .to.contain('ORDER-1')
      .and.contain(await codeOf('ORDER-1'))
    expect(stdout.match(/[▀▄█]/g)).to.have.length.above(200)
  })

  it('writes a page to print that nobody else may read, and shows texts as they are', async () => {
    const file = path.join(home.office.folder, 'slips.html')
    writeFileSync(file, 'older', { mode: 0o644 })
    const { code, stdout } = await run('--order', 'ORDER-1', NASTY, '--html', file)
    expect([code, stdout]).to.deep.equal([0, ''])
    const page = readFileSync(file, 'utf8')
    expect(statSync(file).mode & 0o077).to.equal(0)
    expect(page)
      .to.contain(await codeOf(NASTY))
      .and.contain('&lt;b&gt;&quot;A&quot;&amp;&#39;B&#39;&lt;/b&gt;')
    expect(page).to.not.contain('<b>')
    expect(page.match(/<svg/g)).to.have.length(2)
    for (const text of [
      '订单号',
      '查询码',
      '请扫描二维码',
      'Order id',
      'Lookup code',
      'Scan, or type both at',
    ])
      expect(page).to.contain(text)
    expect(page).to.not.match(/\b(src|href)=/)
  })

  it('writes QR codes by order key', async () => {
    const folder = path.join(home.office.folder, 'codes')
    mkdirSync(folder)
    expect((await run('--order', 'ORDER-1', '--svg', folder)).code).to.equal(0)
    expect(existsSync(path.join(folder, `${orderKeyOf('ORDER-1')}.svg`))).to.equal(true)
  })

  it('ends with 3 when an order is not known', async () => {
    const { code, stdout, stderr } = await run('--order', 'ORDER-1', 'NONE', '--json')
    expect(code).to.equal(3)
    expect(JSON.parse(stdout).slips[1]).to.deep.equal({ orderId: 'NONE', code: 'PAYMENT_UNKNOWN' })
    expect(stderr).to.contain('NONE: PAYMENT_UNKNOWN')
  })
})
