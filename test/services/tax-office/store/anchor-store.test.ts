import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { bytesToHex, hexToBytes, randomBytes32 } from '../../../../protocol/hex.ts'
import {
  type PaymentOnChain,
  paymentEntry,
  paymentEntryDigest,
} from '../../../../protocol/payments/payment-entry.ts'
import { Outbox } from '../../../../services/party/book-writer/outbox.ts'
import type { PartyDatabase } from '../../../../services/party/database.ts'
import {
  AnchorStore,
  PAYMENTS_UNDER_ROOT,
  PAYMENTS_UNDER_SUPERSEDED_ROOT,
} from '../../../../services/tax-office/store/anchor-store.ts'
import { joinOfficeDatabase } from '../../../../services/tax-office/store/database.ts'
import { PaymentStore } from '../../../../services/tax-office/store/payment-store.ts'
import { OFFICE, paymentRequest } from '../office-fixture.ts'

describe('payments under an anchored root', () => {
  let folder: string
  let database: PartyDatabase
  let outbox: Outbox
  let nonce: number

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'anchors-'))
    database = joinOfficeDatabase(path.join(folder, 'office.db'))
    outbox = new Outbox(database.db, { chainId: 1, registry: OFFICE, author: OFFICE })
    nonce = 0
  })
  afterEach(() => {
    database.close()
    rmSync(folder, { recursive: true })
  })

  const add = (): PaymentOnChain => {
    const payments = new PaymentStore(database.db)
    const payment = {
      orderKey: randomBytes32(),
      version: 1,
      digest: randomBytes32(),
      payload: randomBytes32(),
    }
    const orderKey = hexToBytes(payment.orderKey)
    const { key, digest } = paymentEntry(payment)
    expect(digest).to.equal(paymentEntryDigest(payment.digest, payment.payload))
    payments.insertOrder({ orderKey, orderId: payment.orderKey, share: new Uint8Array(32) })
    const stored = {
      ...{
        record: { ...paymentRequest(), version: 1 },
        visibility: 'sealed' as const,
        orderKey,
        entryKey: key,
      },
      ...{ payerTag: null, fields: null, fingerprint: new Uint8Array(32) },
      ...{ digest: hexToBytes(payment.digest), payload: hexToBytes(payment.payload) },
    }
    payments.insertPayment(stored, 0)
    outbox.add({ key, digest, recordBy: 0, content: new Uint8Array(1) }, 0)
    return payment
  }
  /** Sends what is pending. */
  const submit = (root: string): number =>
    outbox.submissions.create({ nonce: nonce++, gasLimit: 1, root }, outbox.nextBatch(10, 1), {
      hash: randomBytes32(),
      raw: '0x00',
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 1n,
    })

  it('are those of its transaction once that is mined, for a reconciliation already before', () => {
    const root = randomBytes32()
    const payments = [add(), add()]
    const submission = submit(root)
    const [everybody, reconciler] = [new AnchorStore(database.db), new AnchorStore(database.db, ['open'])]
    expect(everybody.paymentsUnder(root)).to.deep.equal([])
    expect(reconciler.paymentsUnder(root)).to.deep.equal(payments)
    outbox.submissions.markMined(submission, { transactionHash: randomBytes32(), blockNumber: 1 }, true)
    expect(everybody.paymentsUnder(root)).to.deep.equal(payments)
  })

  it('are still known when the transaction was given up, and all were sent again with others', () => {
    const [given, later] = [randomBytes32(), randomBytes32()]
    const payments = [add(), add()]
    outbox.submissions.end(submit(given), 'superseded')
    const third = add()
    outbox.submissions.markMined(submit(later), { transactionHash: randomBytes32(), blockNumber: 1 }, true)
    const anchors = new AnchorStore(database.db)
    expect(anchors.paymentsUnder(given)).to.deep.equal(payments)
    expect(anchors.paymentsUnder(later)).to.deep.equal([...payments, third])
    expect(anchors.paymentsUnder(randomBytes32())).to.deep.equal([])
  })

  it('are found without a look at all payments', () => {
    add()
    for (const [query, ...parameters] of [
      [PAYMENTS_UNDER_ROOT, bytesToHex(new Uint8Array(32)), '[]'],
      [PAYMENTS_UNDER_SUPERSEDED_ROOT, bytesToHex(new Uint8Array(32))],
    ] as [string, ...string[]][]) {
      const plan = database.db
        .prepare(`EXPLAIN QUERY PLAN ${query}`)
        .all(...parameters)
        .map(({ detail }) => String(detail))
      const steps = plan.filter((detail) => !detail.includes('json_each'))
      expect(
        steps.filter((detail) => /^SCAN/.test(detail)),
        plan.join('\n'),
      ).to.deep.equal([])
      expect(plan.join('\n')).to.contain('payments_by_entry_key')
    }
  })
})
