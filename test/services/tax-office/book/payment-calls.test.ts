import { expect } from 'chai'
import { Interface } from 'ethers'
import fc from 'fast-check'
import { PAYMENT_RECORD_REGISTRY_ABI } from '../../../../protocol/abi/payment-record-registry.ts'
import { bytesToHex, hexToBytes } from '../../../../protocol/hex.ts'
import { type PaymentOnChain, paymentEntry } from '../../../../protocol/payments/payment-entry.ts'
import { packPayments } from '../../../../protocol/payments/payment-publication.ts'
import { merkleRootOf } from '../../../../protocol/record-book.ts'
import type { CallEntry } from '../../../../services/party/book-writer/registry-calls.ts'
import { packPayment, unpackPayment } from '../../../../services/tax-office/book/packed-payment.ts'
import { paymentCalls } from '../../../../services/tax-office/book/payment-calls.ts'

const registry = new Interface(PAYMENT_RECORD_REGISTRY_ABI)
const bytes = (minLength: number, maxLength = minLength) =>
  fc.uint8Array({ minLength, maxLength }).map((value) => bytesToHex(value))
const payment: fc.Arbitrary<PaymentOnChain> = fc.record({
  orderKey: bytes(32),
  version: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  digest: bytes(32),
  payload: bytes(1, 1024),
})
const payments = fc.array(payment, { minLength: 1, maxLength: 12 })

const entryOf = (one: PaymentOnChain): CallEntry => ({
  ...paymentEntry(one),
  content: packPayment(hexToBytes(one.orderKey), one.version, one.digest, hexToBytes(one.payload)),
})
const MANIFESTS = 'https://office.example/v1/anchors'

describe('call data of payments', () => {
  it('packs and unpacks a payment', () => {
    fc.assert(
      fc.property(payment, (one) => {
        const { orderKey, version, digest, payload } = unpackPayment(entryOf(one).content!)
        expect({
          orderKey: bytesToHex(orderKey),
          version,
          digest: bytesToHex(digest),
          payload: bytesToHex(payload),
        }).to.deep.equal(one)
      }),
    )
  })

  it('records as a general encoder does', () => {
    fc.assert(
      fc.property(payments, (batch) => {
        const calls = paymentCalls('record', MANIFESTS)
        expect(bytesToHex(calls.encode(batch.map(entryOf)))).to.equal(
          registry.encodeFunctionData('recordPayments', [batch]),
        )
      }),
    )
  })

  it('publishes as a general encoder does', () => {
    fc.assert(
      fc.property(payments, (batch) => {
        const calls = paymentCalls('publish', MANIFESTS)
        expect(bytesToHex(calls.encode(batch.map(entryOf)))).to.equal(
          registry.encodeFunctionData('publishPayments', [packPayments(batch)]),
        )
      }),
    )
  })

  it('anchors the root of all as a general encoder does', () => {
    fc.assert(
      fc.property(payments, (batch) => {
        const calls = paymentCalls('anchor', MANIFESTS)
        const root = merkleRootOf(batch.map(paymentEntry))
        expect(calls.rootOf!(batch.map(entryOf))).to.equal(root)
        expect(bytesToHex(calls.encode(batch.map(entryOf)))).to.equal(
          registry.encodeFunctionData('anchor', [root, batch.length, `${MANIFESTS}/${root}`]),
        )
      }),
    )
  })

  it('counts the bytes that a payment adds', () => {
    fc.assert(
      fc.property(payments, (batch) => {
        for (const tier of ['record', 'publish'] as const) {
          const calls = paymentCalls(tier, MANIFESTS)
          const size = batch.map(entryOf).reduce((sum, entry) => sum + calls.bytesOf(entry), 0)
          expect(calls.encode(batch.map(entryOf)).length - size).to.be.within(0, 4 + 64 + 31)
        }
      }),
    )
  })
})
