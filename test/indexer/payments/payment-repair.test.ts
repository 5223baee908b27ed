import { expect } from 'chai'
import { readChainHeads } from '../../../indexer/chain/head-check.ts'
import { repairAuthor } from '../../../indexer/chain/repair.ts'
import { createRpcClient } from '../../../indexer/chain/rpc-client.ts'
import { ServedBy } from '../../../indexer/chain/served-by.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { type Address, hexToBytes } from '../../../protocol/hex.ts'
import { dumpOf } from '../../support/indexer.ts'
import { somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { alterDatabase } from './alter-database.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describeStores('repair of payments', (engine) => {
  let bed: PaymentBed
  let database = ''
  beforeEach(async () => {
    const watched = {
      ...engine,
      async newDatabase() {
        const made = await engine.newDatabase()
        database = made.database
        return made
      },
    }
    // Never compared again: the repairs below are made by hand.
    const config = { completenessCheckMs: 3_600_000, storageRootMaxRecords: 0 }
    bed = await startPayments(config, { engine: watched })
    await bed.office.record([somePayment({ orderId: 'R-1' }), somePayment({ orderId: 'R-2' })])
    const published = ['R-3', 'R-4', 'R-5'].map((orderId) => somePayment({ orderId }))
    await bed.office.publish(published, 'sealed')
    await bed.stranger.record([somePayment({ orderId: 'R-1' })])
    await bed.reindexed()
  })
  afterEach(() => bed.stop())

  async function repair(office: Address): Promise<{ missing: number; surplus: number }> {
    const view = bed.indexer.views.get(bed.chain.chainId)!
    const contract = view.contracts.find(({ projection }) => projection.kind === 'PaymentRecordRegistry')!
    const { contractId, address } = contract.stored
    const author = view.heads.find(contractId, office.slice(2).toLowerCase())!
    const { number, hash, finalNumber } = view.checkpoint!
    const rpc = createRpcClient({ urls: [bed.chain.url], name: 'repair' })
    const asked = { contractAddress: address, author: hexToBytes(office) }
    const [chainHead] = await readChainHeads(rpc, hash, [asked])
    try {
      return await repairAuthor(
        {
          ...{ author, contract, chainHead: chainHead!, toBlock: number, finalNumber },
          ...{ usesHistory: true, isFromStart: true },
        },
        {
          ...{ store: bed.indexer.store as Store, rpc, chainId: bed.chain.chainId },
          signal: new AbortController().signal,
          served: new ServedBy(),
          exclusively: (write) => write(),
          rolledBackTo: () => Number.POSITIVE_INFINITY,
          checkpoint: () => number,
          onRows: async () => {},
          onHeads: () => {},
        },
      )
    } finally {
      await rpc.close()
    }
  }

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
      expect(await alterDatabase(database, sql)).to.be.greaterThan(0)
      expect(await dumpOf(bed.indexer)).to.not.deep.equal(truth)
      const tag = (await bed.lookUp('R-1')).headers.get('etag')
      const ofStranger = await repair(bed.stranger.office)
      const ofOffice = await repair(bed.office.office)
      expect(ofStranger.surplus + ofOffice.surplus).to.be.greaterThan(0)
      expect(ofStranger.missing + ofOffice.missing).to.equal(0)
      expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
      expect((await repair(bed.office.office)).surplus).to.equal(0)
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect((await bed.lookUp('R-1')).headers.get('etag')).to.not.equal(tag)
    })

  it('brings records back beside which a payment was left', async () => {
    const truth = await dumpOf(bed.indexer)
    const sql = 'DELETE FROM records WHERE tier = 0 AND log_index = 1 RETURNING 1'
    expect(await alterDatabase(database, sql)).to.be.greaterThan(0)
    expect((await repair(bed.office.office)).missing).to.equal(1)
    expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
  })
})
