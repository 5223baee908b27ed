import { expect } from 'chai'
import { verifyEventProof } from '../../../protocol/event-proof.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { paymentEntry, paymentKey } from '../../../protocol/payments/payment-entry.ts'
import { openPayment } from '../../../protocol/payments/payment-seal.ts'
import { digestSlot } from '../../../protocol/record-slots.ts'
import { verifyStorageProof } from '../../../protocol/storage-proof.ts'
import { eventually } from '../../support/eventually.ts'
import { noPayload, somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describeStores('GET /v1/payments/{orderId}', (engine) => {
  let bed: PaymentBed
  before(async () => {
    bed = await startPayments({}, { engine })
  })
  after(() => bed.stop())

  const recorded = async (...records: Parameters<typeof somePayment>[0][]) => {
    for (const record of records) await bed.office.record([somePayment(record)])
    await bed.reindexed()
  }

  it('gives every version of a public order in order, held against its digest, and what it comes to', async () => {
    const orderId = 'public/order 1?'
    await recorded(
      { orderId, amountMinor: 10_000 },
      { orderId, version: 2, kind: 'correction', amountMinor: 9_000, category: 'pension' },
      { orderId, version: 3, kind: 'refund', amountMinor: 1_500, fields: { reason: 'paid twice' } },
    )
    const { status, body } = await bed.lookUp(orderId)
    expect(status).to.equal(200)
    expect(body).to.include({ orderId, orderKey: orderKeyOf(orderId), truncated: false })
    expect(body.histories).to.have.length(1)
    const [history] = body.histories
    expect(history).to.include({ office: bed.office.office, name: 'Tax Office North', registered: true })
    expect(history.net).to.deep.equal({ amountMinor: 7_500, currency: 'GBP', upToVersion: 3 })
    expect(history.versions.map(({ version }: { version: number }) => version)).to.deep.equal([1, 2, 3])
    for (const version of history.versions)
      expect(version).to.include({
        verification: 'verified',
        visibility: 'public',
        tier: 'recorded',
        finality: 'final',
        completeness: 'complete',
        authorStatus: 'active',
        suspended: false,
        repeated: false,
        late: false,
      })
    const third = history.versions[2]
    expect(third.record).to.deep.equal({
      orderId,
      ...{ kind: 'refund', category: 'income-tax', period: '2024', amountMinor: 1_500, currency: 'GBP' },
      ...{ paidAt: '2024-04-05', authority: 'Tax Office North', fields: { reason: 'paid twice' } },
    })
    expect(paymentEntry(third)).to.deep.equal({ key: third.key, digest: third.entryDigest })
    expect(body.standings[0]).to.include({ chainId: bed.chain.chainId, completeness: 'complete' })
  })

  it('takes the order key as well, and says then that nothing was held against a digest', async () => {
    await recorded({ orderId: 'by key' })
    const { body } = await bed.lookUp(orderKeyOf('by key'))
    expect(body.orderId).to.equal(null)
    const [version] = body.histories[0].versions
    expect(version.verification).to.equal('unchecked')
    expect(version.record).to.include({ amountMinor: 12_345 }).and.not.have.property('orderId')
    expect(body.histories[0]).to.not.have.property('net')
  })

  it('forgives blanks around an order id and its Unicode form, and takes the longest there is', async () => {
    const orderId = `${'税'.repeat(31)}é`
    await recorded({ orderId })
    for (const asked of [orderId, ` ${orderId.normalize('NFD')} `])
      expect((await bed.lookUp(asked)).body.orderId).to.equal(orderId)
    for (const asked of ['a\u0000b', `${orderId}税`, '%20', ' ']) {
      const { status, body } = await bed.lookUp(asked)
      expect([status, body.code]).to.deep.equal(
        asked === '%20' ? [404, 'PAYMENT_UNKNOWN'] : [400, 'ORDER_ID_MALFORMED'],
      )
    }
  })

  it('gives a sealed version as it is on chain, so that a browser opens it', async () => {
    const orderId = 'sealed'
    await bed.office.record([somePayment({ orderId, payerTag: 'payer 7' })], 'sealed')
    await bed.office.record(
      [somePayment({ orderId, version: 2, kind: 'reversal', amountMinor: 1 })],
      'sealed',
    )
    await bed.reindexed()
    const { body } = await bed.lookUp(orderId)
    const [first, second] = body.histories[0].versions
    expect(body.histories[0]).to.not.have.property('net')
    expect(second).to.include({
      visibility: 'sealed',
      kind: 'reversal',
      category: 'income-tax',
      period: '2024',
    })
    expect(second).to.include({ verification: 'unchecked' }).and.not.have.property('record')
    expect(JSON.stringify(body)).to.not.include('payer 7')
    const { digest, payload, chainId, registry, office, version } = second
    const opened = openPayment(
      {
        orderId,
        version,
        previousDigest: first.digest,
        place: { chainId, registry, office },
        digest,
        payload,
      },
      bed.office.code,
    )
    expect(opened).to.include({ orderId, version: 2, amountMinor: 1 })
  })

  it('keeps a payload that is none, says that nothing can be told of it, and adds nothing up', async () => {
    const orderId = 'unreadable'
    const [made] = bed.office.make([somePayment({ orderId })])
    await bed.office.recordRaw({ ...made!, payload: noPayload() })
    await recorded({ orderId, version: 2, kind: 'correction' })
    const { body } = await bed.lookUp(orderId)
    const [first, second] = body.histories[0].versions
    expect(first).to.include({ visibility: null, kind: null, category: null, verification: 'unchecked' })
    expect(first.payload).to.equal(noPayload())
    expect(second.verification).to.equal('verified')
    expect(body.histories[0]).to.not.have.property('net')
  })

  it('says when a content contradicts its digest', async () => {
    const orderId = 'contradicted'
    const [made] = bed.office.make([somePayment({ orderId })])
    const [other] = bed.office.make([somePayment({ orderId, amountMinor: 1 })])
    await bed.office.recordRaw({ ...made!, payload: other!.payload })
    await bed.reindexed()
    const { body } = await bed.lookUp(orderId)
    expect(body.histories[0].versions[0].verification).to.equal('different')
    expect(body.histories[0]).to.not.have.property('net')
  })

  it('flags a version that was published before the one it follows, and one that was written again', async () => {
    const orderId = 'out of order'
    const [first, second] = bed.office.make([
      somePayment({ orderId }),
      somePayment({ orderId, version: 2, kind: 'correction', amountMinor: 5 }),
    ])
    await bed.office.publishRaw([second!])
    await bed.office.publishRaw([first!, second!])
    await bed.reindexed()
    const { body } = await bed.lookUp(orderId)
    const flags = body.histories[0].versions.map(
      ({ version, late, repeated, tier }: Record<string, unknown>) => [version, late, repeated, tier].join(),
    )
    expect(flags).to.deep.equal([
      '1,false,false,published',
      '2,true,false,published',
      '2,false,true,published',
    ])
    expect(body.histories[0].net).to.deep.equal({ amountMinor: 5, currency: 'GBP', upToVersion: 2 })
  })

  it('shows what others recorded under the same order id after that of registered offices, and alone on request', async () => {
    const orderId = 'claimed by two'
    await bed.stranger.record([somePayment({ orderId, amountMinor: 1 })])
    await recorded({ orderId })
    const { body } = await bed.lookUp(orderId)
    expect(body.histories.map(({ registered }: { registered: boolean }) => registered)).to.deep.equal([
      true,
      false,
    ])
    expect(body.histories[1]).to.include({ office: bed.stranger.office, name: null })
    const alone = await bed.lookUp(orderId, `?office=${bed.stranger.office.toLowerCase()}`)
    expect(alone.body.histories).to.have.length(1)
    expect(alone.body.histories[0].office).to.equal(bed.stranger.office)
  })

  it('is found behind any number of versions that are not asked for, and added up where all of it was looked at', async () => {
    const orderId = 'crowded'
    const versions = (orderId: string) =>
      Array.from({ length: 60 }, (_, i) =>
        somePayment({ orderId, version: i + 1, kind: i === 0 ? 'payment' : 'correction' }),
      )
    await recorded({ orderId: 'only then' })
    const early = (await bed.lookUp('only then')).body.standings[0].block.number
    await bed.stranger.record([somePayment({ orderId })])
    await bed.reindexed()
    const at = (await bed.lookUp(orderId)).body.standings[0].block.number
    await bed.office.publish(versions(orderId))
    await bed.reindexed()
    // With proofs fewer versions are looked at.
    const { body } = await bed.lookUp(orderId, `?proof=event&asOf=${at}`)
    expect([body.truncated, body.histories.length]).to.deep.equal([false, 1])
    expect(body.histories[0]).to.include({ office: bed.stranger.office })
    expect(body.histories[0].net).to.include({ amountMinor: 12_345 })
    const before = await bed.lookUp(orderId, `?proof=event&asOf=${early}`)
    expect([before.status, before.body.code]).to.deep.equal([404, 'PAYMENT_UNKNOWN'])
    const cut = (await bed.lookUp(orderId, '?proof=event')).body
    expect([cut.truncated, cut.histories.length]).to.deep.equal([true, 1])
    expect(cut.histories[0]).to.not.have.property('net')

    const other = 'crowded by others'
    await recorded({ orderId: other, amountMinor: 50 })
    await bed.stranger.publish(versions(other))
    await bed.reindexed()
    const [own, ofOther] = (await bed.lookUp(other, '?proof=event')).body.histories
    expect(own.net).to.deep.equal({ amountMinor: 50, currency: 'GBP', upToVersion: 1 })
    expect(ofOther).to.not.have.property('net')
  })

  it('flags what was recorded while the office was suspended', async () => {
    const later = () => bed.chain.request('evm_increaseTime', [10])
    await bed.setStatus('suspended')
    await later()
    await recorded({ orderId: 'while suspended' })
    await later()
    await bed.setStatus('active')
    await bed.reindexed()
    const [version] = (await bed.lookUp('while suspended')).body.histories[0].versions
    expect(version).to.include({ authorStatus: 'suspended', suspended: true })
  })

  it('answers as of an earlier block, and names the block', async () => {
    const orderId = 'as of'
    await recorded({ orderId, amountMinor: 100 })
    const at = (await bed.lookUp(orderId)).body.standings[0].block.number
    await recorded({ orderId, version: 2, kind: 'refund', amountMinor: 30 })
    const { body } = await bed.lookUp(orderId, `?asOf=${at}`)
    expect(body.histories[0].net).to.deep.equal({ amountMinor: 100, currency: 'GBP', upToVersion: 1 })
    expect(body.asOf[0]).to.include({ number: at, finality: 'final' })
    expect((await bed.lookUp(orderId)).body.histories[0].net.amountMinor).to.equal(70)
    const before = await bed.lookUp(orderId, `?asOf=${at - 1}`)
    expect([before.status, before.body.code]).to.deep.equal([404, 'PAYMENT_UNKNOWN'])
    expect((await bed.lookUp(orderId, '?asOf=999999')).body.code).to.equal('AS_OF_NOT_INDEXED')
  })

  it('proves each version by its event, or by its slot', async () => {
    const orderId = 'proven'
    await recorded({ orderId })
    await bed.office.publish([somePayment({ orderId, version: 2, kind: 'correction' })])
    await bed.reindexed()
    const [recordedOne, publishedOne] = (await bed.lookUp(orderId, '?proof=event')).body.histories[0].versions
    for (const { proof, block, registry } of [recordedOne, publishedOne]) {
      const proven = await verifyEventProof(proof)
      expect(proven.blockHash).to.equal(block.hash)
      expect(proven.log.address.toLowerCase()).to.equal(registry.toLowerCase())
    }
    const [inSlot] = (await bed.lookUp(orderId, '?proof=storage')).body.histories[0].versions
    const proven = await verifyStorageProof(inSlot.proof)
    expect(proven.slot).to.equal(digestSlot(inSlot.office, paymentKey(orderKeyOf(orderId), 1), 2))
    expect(proven.value).to.equal(inSlot.entryDigest)
  })

  it('names the heads of the tax offices at which nothing was found', async () => {
    const { status, body } = await bed.lookUp('nobody has this')
    expect([status, body.code]).to.deep.equal([404, 'PAYMENT_UNKNOWN'])
    expect(body.heads).to.have.length(1)
    expect(body.heads[0]).to.include({
      office: bed.office.office,
      name: 'Tax Office North',
      registry: bed.contracts.PaymentRecordRegistry,
      completeness: 'complete',
    })
    expect(body.heads[0].entryCount).to.be.greaterThan(0)
    expect(body.heads[0].lastBlock).to.be.at.most(body.standings[0].block.number)
    const other = await bed.lookUp('nobody has this', `?office=${bed.stranger.office}`)
    expect(other.body.heads.map(({ office }: { office: string }) => office)).to.deep.equal([
      bed.stranger.office,
    ])
  })

  it('is 304 with the ETag of an answer that is still the answer', async () => {
    await recorded({ orderId: 'tagged' })
    let tag = ''
    // What is known of the block itself may grow meanwhile: that it is verified, or final.
    await eventually('the answer stays as it is', async () => {
      tag = (await bed.lookUp('tagged')).headers.get('etag')!
      return (await bed.get('/v1/payments/tagged', { 'if-none-match': tag })).status === 304
    })
    await recorded({ orderId: 'another' })
    expect((await bed.get('/v1/payments/tagged', { 'if-none-match': tag })).status).to.equal(200)
  })
})
