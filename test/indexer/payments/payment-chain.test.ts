import { expect } from 'chai'
import { fsck } from '../../../indexer/operations/fsck/fsck.ts'
import { checkOffline } from '../../../indexer/operations/fsck/offline-check.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { dumpOf, replayDump, testChain, testConfig } from '../../support/indexer.ts'
import { noPayload, somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describeStores('payments of a chain that is reorganised', (engine) => {
  let bed: PaymentBed
  beforeEach(async () => {
    bed = await startPayments({}, { finalityDepth: 40, engine })
  })
  afterEach(() => bed.stop())

  const totals = async (query = '') => (await bed.get(`/v1/payment-totals${query}`)).body.totals
  const expectReplayEqual = async () => {
    const { chain, contracts } = bed
    expect(await dumpOf(bed.indexer)).to.deep.equal(
      await replayDump([{ chain, contracts, finalityDepth: 40 }]),
    )
  }

  it('takes back corrections, their sums and their content, and shows what was taken back', async () => {
    const orderId = 'R-1'
    await bed.office.record([somePayment({ orderId, amountMinor: 1_000 })])
    await bed.reindexed()
    const before = await totals()
    const snapshot = await bed.chain.request('evm_snapshot')
    await bed.office.record([
      somePayment({ orderId, version: 2, kind: 'correction', amountMinor: 800, category: 'pension' }),
    ])
    await bed.office.publish([somePayment({ orderId: 'R-2' }), somePayment({ orderId: 'R-3' })], 'sealed')
    await bed.reindexed()
    expect((await bed.lookUp(orderId)).body.histories[0].net.amountMinor).to.equal(800)
    expect(await totals()).to.have.length(3)

    await bed.chain.request('evm_revert', [snapshot])
    bed.office.reset()
    await bed.office.record([somePayment({ orderId, version: 2, kind: 'refund', amountMinor: 1 })])
    for (let i = 0; i < 3; i++) await bed.chain.request('evm_mine')
    await bed.reindexed()
    const { body } = await bed.lookUp(orderId)
    expect(body.histories[0].net).to.deep.equal({ amountMinor: 999, currency: 'GBP', upToVersion: 2 })
    expect(body.orphaned).to.have.length(1)
    expect(body.orphaned[0]).to.include({ version: 2, orderKey: orderKeyOf(orderId) })
    const gone = await bed.lookUp('R-2')
    expect(gone.status).to.equal(404)
    expect(gone.body.orphaned).to.have.length(1)
    const [now] = await totals()
    expect(now).to.deep.include({ orders: 1, netAmountMinor: '999', category: 'income-tax' })
    expect(now.records).to.include({ payment: 1, refund: 1, correction: 0 })
    const first = (await bed.lookUp(orderId)).body.histories[0].versions[0].block.number
    expect(await totals(`?asOf=${first}`)).to.deep.equal(before)
    await expectReplayEqual()
  })

  it('says in events of records what payment they are of, also when it is taken back', async () => {
    const { feed } = await readFeed()
    const snapshot = await bed.chain.request('evm_snapshot')
    const [written] = await bed.office.record([somePayment({ orderId: 'F-1' })])
    await bed.office.recordRaw({ ...written!, version: 2, payload: noPayload() })
    await bed.reindexed()
    await bed.chain.request('evm_revert', [snapshot])
    for (let i = 0; i < 4; i++) await bed.chain.request('evm_mine')
    await bed.reindexed()
    const events = await feed((found) => found.filter(({ type }) => type === 'record.retracted').length === 2)
    const own = events.filter(({ type }) => type.startsWith('record.'))
    const said = { orderKey: orderKeyOf('F-1'), office: bed.office.office }
    const first = { kind: 'payment', category: 'income-tax', period: '2024', visibility: 'public' }
    const second = { kind: null, category: null, period: null, visibility: null }
    expect(own.map(({ type, data }) => [type, data.payment])).to.deep.equal([
      ['record.added', { ...said, version: 1, ...first }],
      ['record.added', { ...said, version: 2, ...second }],
      ['record.retracted', { ...said, version: 2, ...second }],
      ['record.retracted', { ...said, version: 1, ...first }],
    ])
  })

  it('is found sound by a check against the chain and by one against itself', async () => {
    await bed.office.record([somePayment({ orderId: 'K-1' }), somePayment({ orderId: 'K-2' })], 'sealed')
    await bed.office.publish([
      somePayment({ orderId: 'K-3' }),
      somePayment({ orderId: 'K-3', version: 2, kind: 'reversal' }),
    ])
    await bed.stranger.record([somePayment({ orderId: 'K-1' })])
    await bed.reindexed()
    const config = testConfig([testChain(bed.chain, bed.contracts, { finalityDepth: 40 })])
    for (const report of [await fsck(bed.indexer.store, config), await checkOffline(bed.indexer.store)])
      expect(report, JSON.stringify(report.listed)).to.include({ isSound: true, differences: 0 })
    await expectReplayEqual()
  })

  /** Events from now on, as a stream gives them. */
  async function readFeed() {
    const leaving = new AbortController()
    const response = await fetch(`${bed.indexer.url}/v1/stream?kind=record`, { signal: leaving.signal })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    // biome-ignore lint/suspicious/noExplicitAny: events as they come
    type Event = any
    return {
      async feed(isEnough: (events: Event[]) => boolean): Promise<Event[]> {
        let text = ''
        for (;;) {
          const events = text
            .split('\n\n')
            .slice(0, -1)
            .flatMap((frame) => frame.split('\n').filter((line) => line.startsWith('data: ')))
            .map((line) => JSON.parse(line.slice(6)))
            .filter(({ type }) => typeof type === 'string')
          if (isEnough(events)) {
            leaving.abort()
            return events
          }
          text += (await reader.read()).value ?? ''
        }
      },
    }
  }
})
