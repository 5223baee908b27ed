import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { hexToBytes } from '../../../protocol/hex.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { eventually } from '../../support/eventually.ts'
import { type Neighbourhood, paymentRequest, paymentRequests, settleOffice } from './office-fixture.ts'

describe('a tax office whose tables somebody took rows out of', () => {
  let home: Neighbourhood

  beforeEach(async () => {
    home = await settleOffice()
    await home.office.start()
    await home.office.client.upload([...paymentRequests(3), paymentRequest({ orderId: 'OTHER' })])
    await eventually('everything is on chain', async () => {
      const { queued, sent } = await home.office.client.uploads()
      return queued + sent === 0
    })
  })
  afterEach(() => home.end())

  const remove = (table: 'orders' | 'payments', orderId: string): void => {
    const db = new DatabaseSync(home.office.databaseFile, { timeout: 5_000 })
    db.exec('PRAGMA foreign_keys = OFF')
    const { changes } = db
      .prepare(`DELETE FROM ${table} WHERE order_key = ?`)
      .run(hexToBytes(orderKeyOf(orderId)))
    expect(changes).to.equal(1)
    db.close()
  }

  it('refuses those orders, each for itself, and takes the others', async () => {
    remove('payments', 'ORDER-1')
    remove('orders', 'ORDER-1')
    remove('orders', 'ORDER-2')
    const outcomes = await home.office.client.upload([
      paymentRequest({ orderId: 'BEFORE' }),
      ...paymentRequests(3),
      paymentRequest({ orderId: 'AFTER' }),
    ])
    expect(outcomes.map(({ outcome, code }) => code ?? outcome)).to.deep.equal([
      'queued',
      'ENTRY_CONFLICT',
      'ENTRY_CONFLICT',
      'duplicate',
      'queued',
    ])
    // Two removed, two added; nothing that is counted by its number.
    expect((await home.office.client.uploads()).payments).to.equal(5)
  })

  it('takes a payment back whose order is left', async () => {
    remove('payments', 'OTHER')
    const [outcome] = await home.office.client.upload([paymentRequest({ orderId: 'OTHER' })])
    expect(outcome!.outcome).to.equal('queued')
    const { versions } = await home.office.client.order(orderKeyOf('OTHER'))
    expect(versions.map(({ state }) => state)).to.deep.equal(['final'])
  })
})
