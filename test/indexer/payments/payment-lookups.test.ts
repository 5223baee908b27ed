import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import { pino } from 'pino'
import { startIndexer } from '../../../indexer/indexer.ts'
import { formatLookupCode, newLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { caughtUp, databasePath, testChain, testConfig } from '../../support/indexer.ts'
import { somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describeStores('POST /v1/payment-lookups', (engine) => {
  let bed: PaymentBed
  let lookupCode: string
  beforeEach(async () => {
    bed = await startPayments({}, { engine })
    lookupCode = formatLookupCode(bed.office.code)
  })
  afterEach(() => bed.stop())

  const open = (body: object) => bed.post('/v1/payment-lookups', body)
  const seal = async (orderId: string, ...versions: Parameters<typeof somePayment>[0][]) => {
    for (const [i, change] of versions.entries())
      await bed.office.record([somePayment({ orderId, version: i + 1, ...change })], 'sealed')
    await bed.reindexed()
  }

  it('opens every version, however the code is typed, and keeps no answer anywhere', async () => {
    await seal('S-1', { amountMinor: 500, payerTag: 'payer 9' }, { kind: 'refund', amountMinor: 20 })
    for (const typed of [lookupCode, lookupCode.toLowerCase().replaceAll('-', ' ')]) {
      const { status, body, headers } = await open({ orderId: ' S-1', lookupCode: typed })
      expect(status, JSON.stringify(body)).to.equal(200)
      expect(headers.get('cache-control')).to.equal('no-store')
      expect(headers.get('etag')).to.equal(null)
      const [history] = body.histories
      expect(history.net).to.deep.equal({ amountMinor: 480, currency: 'GBP', upToVersion: 2 })
      expect(history.versions[0].record).to.include({ orderId: 'S-1', payerTag: 'payer 9', amountMinor: 500 })
      for (const { verification, visibility } of history.versions)
        expect([verification, visibility]).to.deep.equal(['verified', 'sealed'])
    }
    const asOf = (await bed.lookUp('S-1')).body.standings[0].block.number - 1
    const { body } = await open({ orderId: 'S-1', lookupCode, asOf: String(asOf) })
    expect(body.histories[0].net.amountMinor).to.equal(500)
  })

  it('confirms or denies an amount and shows nothing else of the order', async () => {
    await seal('S-2', { amountMinor: 123_456 })
    const confirm = (amount: string, currency = 'GBP') =>
      open({ orderId: 'S-2', lookupCode, confirm: { amount, currency } })
    for (const [amount, currency, equal] of [
      ['1234.56', 'GBP', true],
      ['1234.57', 'GBP', false],
      ['1234.56', 'EUR', false],
    ] as const) {
      const { body } = await confirm(amount, currency)
      expect(body.confirmations).to.deep.equal([{ ...bed.office.place, registered: true, equal }])
      expect(body).to.not.have.property('histories')
      expect(JSON.stringify(body)).to.not.match(/\b123456\b|\b1234\.56\b|income-tax/)
    }
    expect((await confirm('1.234')).body.code).to.equal('PAYMENT_INVALID')
    expect((await confirm('1', 'XXX')).body.code).to.equal('PAYMENT_INVALID')
  })

  it('answers one error for a wrong code, a moved record and a broken one, and another for no such order', async () => {
    await seal('S-3', {})
    const [other] = bed.office.make([somePayment({ orderId: 'S-3a' })], 'sealed')
    await bed.office.recordRaw({ ...other!, orderKey: orderKeyOf('moved') })
    await bed.reindexed()
    const wrong = formatLookupCode(newLookupCode())
    const answers = [
      await open({ orderId: 'S-3', lookupCode: wrong }),
      await open({ orderId: 'moved', lookupCode }),
    ]
    for (const { status, body } of answers) {
      expect([status, body.code]).to.deep.equal([422, 'PAYMENT_NOT_OPENED'])
      expect(body).to.deep.equal(answers[0]!.body)
    }
    expect((await open({ orderId: 'not there', lookupCode: wrong })).body.code).to.equal('PAYMENT_UNKNOWN')
    const mistyped = lookupCode.slice(0, -1) + (lookupCode.endsWith('0') ? '1' : '0')
    expect((await open({ orderId: 'S-3', lookupCode: mistyped })).body.code).to.equal('LOOKUP_CODE_MISTYPED')
    expect((await open({ orderId: orderKeyOf('S-3'), lookupCode })).body.code).to.equal('ORDER_ID_MALFORMED')
  })

  it('refuses after ten failures a minute, however many come at once; what succeeds or is mistyped counts not', async () => {
    await seal('S-4', {})
    const wrong = formatLookupCode(newLookupCode())
    for (let i = 0; i < 12; i++) expect((await open({ orderId: 'S-4', lookupCode })).status).to.equal(200)
    for (let i = 0; i < 12; i++)
      expect((await open({ orderId: 'S-4', lookupCode: 'mistyped' })).status).to.equal(400)
    const tries = await Promise.all(
      Array.from({ length: 30 }, () => open({ orderId: 'S-4', lookupCode: wrong })),
    )
    const codes = tries.map(({ body }) => body.code)
    expect(codes.filter((code) => code === 'PAYMENT_NOT_OPENED')).to.have.length(10)
    expect(codes.filter((code) => code === 'RATE_LIMITED')).to.have.length(20)
    const refused = await open({ orderId: 'S-4', lookupCode })
    expect([refused.status, refused.body.code]).to.deep.equal([429, 'RATE_LIMITED'])
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60)
    // Looking without a code goes on.
    expect((await bed.lookUp('S-4')).status).to.equal(200)
  })

  it('lets many try at once that succeed, also when nearly as many failed as may', async () => {
    await seal('S-5', {})
    const wrong = formatLookupCode(newLookupCode())
    for (let i = 0; i < 9; i++) await open({ orderId: 'S-5', lookupCode: wrong })
    const tries = await Promise.all(Array.from({ length: 40 }, () => open({ orderId: 'S-5', lookupCode })))
    expect(new Set(tries.map(({ status }) => status))).to.deep.equal(new Set([200]))
    expect((await open({ orderId: 'S-5', lookupCode: wrong })).body.code).to.equal('PAYMENT_NOT_OPENED')
    expect((await open({ orderId: 'S-5', lookupCode })).status).to.equal(429)
  })

  it('shows a public order with any code, though others wrote sealed versions under it', async () => {
    await bed.office.record([somePayment({ orderId: 'P-1', amountMinor: 700 })])
    await bed.stranger.record([somePayment({ orderId: 'P-1' })], 'sealed')
    await bed.reindexed()
    const { status, body } = await open({ orderId: 'P-1', lookupCode })
    expect(status).to.equal(200)
    expect(body.histories.map(({ net }: { net: unknown }) => net)).to.deep.equal([
      { amountMinor: 700, currency: 'GBP', upToVersion: 1 },
      undefined,
    ])
    const confirm = { amount: '7.00', currency: 'GBP' }
    expect((await open({ orderId: 'P-1', lookupCode, confirm })).body.confirmations).to.deep.equal([
      { ...bed.office.place, registered: true, equal: true },
    ])
  })

  it('confirms nothing of an order that has a gap, or more versions than are looked at', async () => {
    const confirm = { amount: '123.45', currency: 'GBP' }
    const [first, , third] = bed.office.make(
      [1, 2, 3].map((version) =>
        somePayment({ orderId: 'G-1', version, kind: version === 1 ? 'payment' : 'correction' }),
      ),
      'sealed',
    )
    await bed.office.publishRaw([first!, third!])
    const many = Array.from({ length: 101 }, (_, i) =>
      somePayment({ orderId: 'G-2', version: i + 1, kind: i === 0 ? 'payment' : 'correction' }),
    )
    await bed.office.publish(many.slice(0, 60), 'sealed')
    await bed.office.publish(many.slice(60), 'sealed')
    await bed.reindexed()
    const gap = await open({ orderId: 'G-1', lookupCode, confirm })
    expect([gap.status, gap.body.confirmations, gap.body.truncated]).to.deep.equal([200, [], false])
    const cut = await open({ orderId: 'G-2', lookupCode, confirm })
    expect([cut.status, cut.body.confirmations, cut.body.truncated]).to.deep.equal([200, [], true])
    for (const orderId of ['G-1', 'G-2'])
      expect((await open({ orderId, lookupCode })).body.histories[0]).to.not.have.property('net')
  })

  it('lets neither code nor order id nor what was opened reach a log, a metric or the database', async () => {
    const orderId = 'PLANTED-ORDER-7731'
    await seal(orderId, { payerTag: 'planted payer 7731', authority: 'planted authority 7731' })
    const lines: string[] = []
    const log = pino(
      { level: 'trace' },
      new Writable({
        write(chunk, _encoding, done) {
          lines.push(String(chunk))
          done()
        },
      }),
    )
    const database = databasePath()
    const config = testConfig([testChain(bed.chain, bed.contracts)], { database })
    const indexer = await startIndexer(config, log)
    try {
      await caughtUp(indexer, bed.chain)
      const wrong = formatLookupCode(newLookupCode())
      const send = (body: string) =>
        fetch(`${indexer.url}/v1/payment-lookups`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        })
      const bodies = [
        { orderId, lookupCode },
        { orderId, lookupCode: wrong },
        { orderId, lookupCode, confirm: { amount: '123.45', currency: 'GBP' } },
        { orderId, lookupCode: `${lookupCode}X` },
        { orderId, lookupCode, [lookupCode]: 1 },
        { orderId: `${orderId} not there`, lookupCode },
        { orderId, lookupCode, asOf: lookupCode },
      ].map((body) => JSON.stringify(body))
      const texts = []
      for (const body of [...bodies, bodies[0]!.slice(0, -1), `${bodies[0]}x`])
        texts.push(await (await send(body)).text())
      expect(texts[0]).to.include('planted payer 7731')
      const metrics = await (await fetch(`${indexer.url}/metrics`)).text()
      await indexer.stop()
      const kept = [...lines, metrics]
      for (const file of [database, `${database}-wal`]) kept.push(readIfThere(file))
      const all = kept.join('\n')
      expect(lines.length).to.be.greaterThan(3)
      for (const planted of [
        lookupCode,
        lookupCode.replaceAll('-', ''),
        wrong,
        Buffer.from(bed.office.code).toString('hex'),
        Buffer.from(bed.office.code).toString('latin1'),
        orderId,
        'planted payer',
        'planted authority',
      ])
        expect(all.includes(planted), `found ${planted}`).to.equal(false)
      for (const text of [...texts.slice(1, 4), ...texts.slice(-2)]) expect(text).to.not.include(lookupCode)
    } finally {
      await indexer.stop().catch(() => {})
    }
  })
})

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
