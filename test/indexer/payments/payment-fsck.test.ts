import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { fsck } from '../../../indexer/operations/fsck/fsck.ts'
import { checkOffline } from '../../../indexer/operations/fsck/offline-check.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import { caughtUp, databasePath, startTestIndexer, testChain, testConfig } from '../../support/indexer.ts'
import { somePayment } from '../../support/payment-writer.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

describe('fsck of payments', () => {
  let bed: PaymentBed
  let database: string
  before(async () => {
    bed = await startPayments()
    await bed.office.record([somePayment({ orderId: 'K-1' }), somePayment({ orderId: 'K-2' })])
    await bed.office.publish([somePayment({ orderId: 'K-3' })], 'sealed')
  })
  beforeEach(async () => {
    database = databasePath()
    const indexer = await startTestIndexer([testChain(bed.chain, bed.contracts)], { database })
    await caughtUp(indexer, bed.chain)
    await indexer.stop()
  })
  after(() => bed.stop())

  const check = async () => {
    const store = await openStore(database)
    const config = testConfig([testChain(bed.chain, bed.contracts)], { database })
    try {
      const tables = ({ listed }: Awaited<ReturnType<typeof fsck>>) => [
        ...new Set(listed.map(({ table, reason = '' }) => `${table} ${reason}`.trim())),
      ]
      return { online: tables(await fsck(store, config)), offline: tables(await checkOffline(store)) }
    } finally {
      await store.close()
    }
  }

  const damages: [what: string, sql: string, found: { online: string[]; offline: string[] }][] = [
    [
      'an amount',
      'UPDATE payments SET amount_minor = 1 WHERE log_index = 0 AND visibility = 0',
      {
        online: ['payments'],
        offline: ['payments its payload says something else'],
      },
    ],
    [
      'a payload',
      "UPDATE payments SET payload = X'0102' WHERE visibility = 1",
      {
        online: ['payments'],
        offline: ['payments its digests are not those of its record'],
      },
    ],
    [
      'an office',
      "UPDATE payments SET office = X'0000000000000000000000000000000000000001' WHERE visibility = 1",
      {
        online: ['payments'],
        offline: ['payments it is of another office or tier than its record'],
      },
    ],
    [
      'a payment that is gone',
      'DELETE FROM payments WHERE visibility = 1',
      {
        online: ['payments'],
        offline: ['records it is of a registry of payments, and has no payment'],
      },
    ],
    [
      'a record that is gone',
      'DELETE FROM records WHERE tier = 0 AND log_index = 1',
      {
        online: ['records'],
        offline: ['payments there is no record at its place', 'heads it is not what its rows fold to'],
      },
    ],
    [
      'a sum',
      "UPDATE payment_totals SET net = '5' WHERE sealed = 0",
      { online: ['payment_totals'], offline: [] },
    ],
  ]
  for (const [what, sql, found] of damages)
    it(`finds ${what}`, async () => {
      const db = new DatabaseSync(database)
      const { changes } = db.prepare(sql).run()
      db.close()
      expect(Number(changes)).to.be.greaterThan(0)
      expect(await check()).to.deep.equal(found)
    })
})
