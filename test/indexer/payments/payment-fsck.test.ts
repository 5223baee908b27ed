import { expect } from 'chai'
import { alterDatabase } from '../../support/alter-database.ts'
import { fsckFindings, indexInto } from '../../support/fsck-findings.ts'
import { somePayment } from '../../support/payment-writer.ts'
import { describeStores } from '../../support/stores.ts'
import { type PaymentBed, startPayments } from './payment-bed.ts'

const WRONG_TOTALS = 'payment_totals it is not what its payments add up to'

describeStores('fsck of payments', (engine) => {
  const blob = (hex: string) => (engine.name === 'SQLite' ? `X'${hex}'` : `'\\x${hex}'`)
  let bed: PaymentBed
  let database: string
  let drop: () => Promise<void>
  before(async () => {
    bed = await startPayments()
    await bed.office.record([somePayment({ orderId: 'K-1' }), somePayment({ orderId: 'K-2' })])
    await bed.office.publish([somePayment({ orderId: 'K-3' })], 'sealed')
  })
  beforeEach(async () => {
    const made = await engine.newDatabase()
    database = made.database
    drop = made.drop
    await indexInto(database, bed)
  })
  afterEach(() => drop())
  after(() => bed.stop())

  const check = () => fsckFindings(database, bed)

  const damages: [what: string, sql: string, found: { online: string[]; offline: string[] }][] = [
    [
      'an amount',
      'UPDATE payments SET amount_minor = 1 WHERE log_index = 0 AND visibility = 0',
      {
        online: ['payments'],
        offline: ['payments its payload says something else', WRONG_TOTALS],
      },
    ],
    [
      'a payload',
      `UPDATE payments SET payload = ${blob('0102')} WHERE visibility = 1`,
      {
        online: ['payments'],
        offline: ['payments its digests are not those of its record'],
      },
    ],
    [
      'an office',
      `UPDATE payments SET office = ${blob(`${'00'.repeat(19)}01`)} WHERE visibility = 1`,
      {
        online: ['payments'],
        offline: ['payments it is of another office or tier than its record', WRONG_TOTALS],
      },
    ],
    [
      'a payment that is gone',
      'DELETE FROM payments WHERE visibility = 1',
      {
        online: ['payments'],
        offline: ['records it is of a registry of payments, and has no payment', WRONG_TOTALS],
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
      { online: ['payment_totals'], offline: [WRONG_TOTALS] },
    ],
    [
      'a sum that is gone',
      'DELETE FROM payment_totals WHERE sealed = 0',
      { online: ['payment_totals'], offline: [WRONG_TOTALS] },
    ],
    [
      'a transaction',
      `UPDATE payments SET transaction_hash = ${blob('11'.repeat(32))} WHERE visibility = 1`,
      { online: ['payments'], offline: ['payments it is of another transaction than its record'] },
    ],
    [
      'a registry',
      `UPDATE payments SET contract_id = (SELECT contract_id FROM contracts WHERE kind = 'QueryResultRegistry')
       WHERE visibility = 1`,
      {
        online: ['payments'],
        offline: ['payments it is of another registry than its record', WRONG_TOTALS],
      },
    ],
  ]
  // PostgreSQL finds records by an index that it keeps itself.
  if (engine.name === 'SQLite')
    damages.push(
      [
        'records without their keys',
        'DELETE FROM new_record_keys',
        { online: [], offline: ['records its key is not in the index of keys'] },
      ],
      [
        'a key without its record',
        `INSERT INTO record_keys SELECT X'00', chain_id, block_number, log_index, entry_index FROM records LIMIT 1`,
        { online: [], offline: ['record_keys there is no record of this key at its place'] },
      ],
      [
        'a key that is there twice',
        'INSERT INTO record_keys SELECT * FROM new_record_keys LIMIT 1',
        { online: [], offline: ['new_record_keys it is in the index of keys twice'] },
      ],
    )
  for (const [what, sql, found] of damages)
    it(`finds ${what}`, async () => {
      expect(await alterDatabase(database, `${sql} RETURNING 1`)).to.be.greaterThan(0)
      expect(await check()).to.deep.equal(found)
    })
})
