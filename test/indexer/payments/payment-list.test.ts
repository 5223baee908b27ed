import { expect } from 'chai'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { noPayload, somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describeStores('GET /v1/payments', (engine) => {
  let bed: PaymentBed
  const times: number[] = []

  before(async () => {
    bed = await startPayments({}, { engine })
    const write = async (...changes: Partial<PaymentRecord>[]) => {
      await bed.chain.request('evm_increaseTime', [100])
      await bed.office.record(changes.map((change) => somePayment(change)))
      const { timestamp } = await bed.chain.request<{ timestamp: string }>('eth_getBlockByNumber', [
        'latest',
        false,
      ])
      times.push(Number(timestamp))
    }
    await write(
      ...Array.from({ length: 12 }, (_, i) => ({
        orderId: `a-${i}`,
        category: i % 3 === 0 ? 'pension' : 'tax',
      })),
    )
    await write(...Array.from({ length: 5 }, (_, i) => ({ orderId: `b-${i}`, period: '2025-Q1' })))
    await write({ orderId: 'a-1', version: 2, kind: 'refund', amountMinor: 7 })
    await bed.office.record([somePayment({ orderId: 'c-0', category: 'pension' })], 'sealed')
    await bed.stranger.publish([somePayment({ orderId: 'a-0', category: 'pension' })])
    const [made] = bed.stranger.make([somePayment({ orderId: 'd-0' })])
    await bed.stranger.recordRaw({ ...made!, payload: noPayload() })
    await bed.reindexed()
  })
  after(() => bed.stop())

  // biome-ignore lint/suspicious/noExplicitAny: answers as they come
  const all = async (query: string, limit = 4): Promise<any[]> => {
    const found = []
    let next = ''
    do {
      const { status, body } = await bed.get(`/v1/payments?limit=${limit}${query}${next}`)
      expect(status, JSON.stringify(body)).to.equal(200)
      expect(body.payments.length).to.be.at.most(limit)
      found.push(...body.payments)
      next = body.next === null ? '' : `&cursor=${body.next}`
    } while (next !== '')
    return found
  }

  it('lists everything once in chain order, page by page', async () => {
    const found = await all('')
    expect(found).to.have.length(12 + 5 + 1 + 1 + 1 + 1)
    const places = found.map(({ block, logIndex, entryIndex }) => [block.number, logIndex, entryIndex])
    expect(places).to.deep.equal(places.toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]))
    expect(new Set(places.map(String)).size).to.equal(found.length)
    expect(found[0]).to.include({ orderKey: orderKeyOf('a-0'), verification: 'unchecked', repeated: false })
    expect(await all('', 200)).to.deep.equal(found)
  })

  it('filters by office, category, period and kind, and by all of them', async () => {
    const count = async (query: string) => (await all(query)).length
    expect(await count(`&office=${bed.office.office}`)).to.equal(19)
    expect(await count(`&office=${bed.stranger.office.toLowerCase()}`)).to.equal(2)
    expect(await count('&category=pension')).to.equal(6)
    expect(await count(`&category=pension&office=${bed.office.office}`)).to.equal(5)
    expect(await count('&period=2025-Q1')).to.equal(5)
    expect(await count('&kind=refund')).to.equal(1)
    expect(await count(`&office=${bed.office.office}&category=tax&period=2024&kind=payment`)).to.equal(8)
    expect(await count('&category=nothing-of-it')).to.equal(0)
  })

  it('lists by the time of blocks, the end left out', async () => {
    expect(await all(`&from=${times[1]}&to=${times[2]}`)).to.have.length(5)
    expect(await all(`&to=${times[1]}`)).to.have.length(12)
    expect(await all(`&from=${times[2]}`)).to.have.length(4)
    expect(await all(`&from=${times[1]! + 1}&to=${times[2]}`)).to.have.length(0)
  })

  it('lists as of an earlier block, and keeps to the block of the first page', async () => {
    const { body } = await bed.get(`/v1/payments?limit=18&asOf=${times[1]}`)
    expect(body.payments).to.have.length(17)
    expect(body.asOf).to.have.length(1)
    const first = await bed.get('/v1/payments?limit=20')
    await bed.office.record([somePayment({ orderId: 'later' })])
    await bed.reindexed()
    const rest = await bed.get(`/v1/payments?limit=20&cursor=${first.body.next}`)
    expect(rest.body.payments).to.have.length(1)
    expect(rest.body.next).to.equal(null)
  })

  it('goes on through many that are not asked for, a bounded number of them a page', async () => {
    for (let part = 0; part < 4; part++)
      await bed.office.publish(
        Array.from({ length: 600 }, (_, i) =>
          somePayment({
            orderId: `many-${part}-${i}`,
            category: 'levy',
            period: part === 3 ? '2031' : '2030',
          }),
        ),
      )
    await bed.reindexed()
    const first = await bed.get('/v1/payments?category=levy&period=2031&limit=200')
    expect(first.body.payments.length).to.be.below(601)
    expect(first.body.next).to.not.equal(null)
    const rare = await all('&category=levy&period=2031', 200)
    expect(rare).to.have.length(600)
    expect(new Set(rare.map(({ orderKey }) => orderKey)).size).to.equal(600)
    expect(await all('&category=levy&kind=refund')).to.deep.equal([])
  })

  it('refuses cursors that are of another list or of none, and filters that are none', async () => {
    const { body } = await bed.get('/v1/payments?limit=1')
    for (const query of [
      `category=tax&cursor=${body.next}`,
      'cursor=abc',
      'category=No',
      'kind=gift',
      'office=0x1',
      'period=x',
      'x=1',
    ])
      expect((await bed.get(`/v1/payments?${query}`)).status, query).to.equal(400)
  })
})
