import { expect } from 'chai'
import type { Address } from '../../../protocol/hex.ts'
import { alterDatabase } from '../../support/alter-database.ts'
import { NEVER_COMPARED, repairByHand } from '../../support/author-repair.ts'
import { eventually } from '../../support/eventually.ts'
import { dumpOf } from '../../support/indexer.ts'
import { somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describeStores('repair of payments', (engine) => {
  let bed: PaymentBed
  beforeEach(async () => {
    bed = await startPayments(NEVER_COMPARED, { engine })
    await bed.office.record([somePayment({ orderId: 'R-1' }), somePayment({ orderId: 'R-2' })])
    const published = ['R-3', 'R-4', 'R-5'].map((orderId) => somePayment({ orderId }))
    await bed.office.publish(published, 'sealed')
    await bed.stranger.record([somePayment({ orderId: 'R-1' })])
    await bed.reindexed()
  })
  afterEach(() => bed.stop())

  const repair = (author: Address) => repairByHand(bed, 'PaymentRecordRegistry', author)

  const damages: [what: string, sql: string][] = [
    ['gone', 'DELETE FROM payments WHERE tier = 1 AND entry_index = 1 RETURNING 1'],
    ['altered', 'UPDATE payments SET amount_minor = 1 WHERE tier = 0 AND log_index = 0 RETURNING 1'],
    [
      'of somebody else',
      `UPDATE payments SET office = (
         SELECT office FROM payments WHERE block_number = (SELECT MAX(block_number) FROM payments) LIMIT 1
       ) WHERE tier = 0 AND log_index = 1 RETURNING 1`,
    ],
  ]
  for (const [what, sql] of damages)
    it(`restores payments that are ${what} where their records are right, and leaves their sums`, async () => {
      const truth = await dumpOf(bed.indexer)
      expect(await alterDatabase(bed.database, sql)).to.be.greaterThan(0)
      expect(await dumpOf(bed.indexer)).to.not.deep.equal(truth)
      const tag = (await bed.lookUp('R-1')).headers.get('etag')
      const ofStranger = await repair(bed.stranger.office)
      const ofOffice = await repair(bed.office.office)
      expect(ofStranger.surplus + ofOffice.surplus).to.be.greaterThan(0)
      expect(ofStranger.missing + ofOffice.missing).to.equal(0)
      expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
      expect((await repair(bed.office.office)).surplus).to.equal(0)
      await eventually(
        'it has another tag',
        async () => (await bed.lookUp('R-1')).headers.get('etag') !== tag,
      )
    })

  it('brings records back beside which a payment was left', async () => {
    const truth = await dumpOf(bed.indexer)
    const sql = 'DELETE FROM records WHERE tier = 0 AND log_index = 1 RETURNING 1'
    expect(await alterDatabase(bed.database, sql)).to.be.greaterThan(0)
    expect((await repair(bed.office.office)).missing).to.equal(1)
    expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
  })
})
