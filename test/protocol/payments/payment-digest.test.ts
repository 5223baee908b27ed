import { expect } from 'chai'
import { AbiCoder, keccak256, solidityPacked, TypedDataEncoder, toUtf8Bytes } from 'ethers'
import fc from 'fast-check'
import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { bytesToHex } from '../../../protocol/hex.ts'
import { orderKeyOf, readOrderId } from '../../../protocol/payments/order-id.ts'
import { PAYMENT_FIELDS, paymentDigest } from '../../../protocol/payments/payment-digest.ts'
import { paymentEntry, paymentEntryDigest, paymentKey } from '../../../protocol/payments/payment-entry.ts'
import { packPayments, unpackPayments } from '../../../protocol/payments/payment-publication.ts'
import { expectError } from '../../support/expect-error.ts'
import { anyRecord, bytes32, PLACE, paymentRecord, place } from './payment-arbitrary.ts'

const version = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const payload = fc.uint8Array({ minLength: 1, maxLength: 1024 }).map(bytesToHex)
const onChain = fc.record({ orderKey: bytes32, version, digest: bytes32, payload })

describe('payment digest', () => {
  it('is the EIP-712 hash that ethers computes', () => {
    fc.assert(
      fc.property(anyRecord, bytes32, bytes32, place, (record, previousDigest, salt, where) => {
        const domain = {
          name: 'Countersign',
          version: '1',
          chainId: where.chainId,
          verifyingContract: where.registry,
        }
        const { orderId, payerTag = '', fields, ...rest } = record
        const expected = TypedDataEncoder.hash(
          domain,
          { Payment: PAYMENT_FIELDS.map((field) => ({ ...field })) },
          {
            ...rest,
            orderKey: keccak256(toUtf8Bytes(orderId)),
            office: where.office,
            payerTag,
            fields: fields === undefined ? '' : canonicalJson(fields),
            previousDigest,
            salt,
          },
        )
        expect(paymentDigest(record, { previousDigest, salt }, where)).to.equal(expected)
      }),
    )
  })

  it('is of the type that the contracts and other parties know', () => {
    expect(`Payment(${PAYMENT_FIELDS.map(({ type, name }) => `${type} ${name}`).join(',')})`).to.equal(
      'Payment(bytes32 orderKey,address office,uint32 version,string kind,string category,string period,int256 amountMinor,string currency,string paidAt,string authority,string payerTag,string fields,bytes32 previousDigest,bytes32 salt)',
    )
  })

  it('differs with every member and with no fields from empty ones', () => {
    const zero = bytesToHex(new Uint8Array(32))
    const digestOf = (change: object, input = {}, where = {}) =>
      paymentDigest(
        paymentRecord(change),
        { previousDigest: zero, salt: zero, ...input },
        { ...PLACE, ...where },
      )
    const one = bytesToHex(new Uint8Array(32).fill(1))
    const digests = [
      ...[{}, { orderId: 'X' }, { version: 2 }, { kind: 'refund' }, { category: 'tax' }, { period: '' }],
      ...[{ amountMinor: 1 }, { currency: 'EUR' }, { paidAt: '2015-06-04T00:00:00Z' }, { authority: 'X' }],
      ...[{ payerTag: 'X' }, { fields: {} }, { fields: { a: 1 } }],
    ].map((change) => digestOf(change))
    digests.push(digestOf({}, { previousDigest: one }), digestOf({}, { salt: one }))
    digests.push(digestOf({}, {}, { chainId: 1 }), digestOf({}, {}, { registry: PLACE.office }))
    digests.push(digestOf({}, {}, { office: PLACE.registry }))
    expect(new Set(digests).size).to.equal(digests.length)
  })
})

describe('payment entry', () => {
  it('has the key and digest that a contract computes', () => {
    fc.assert(
      fc.property(onChain, (payment) => {
        const key = keccak256(
          AbiCoder.defaultAbiCoder().encode(['bytes32', 'uint256'], [payment.orderKey, payment.version]),
        )
        const digest = keccak256(
          solidityPacked(['bytes32', 'bytes32'], [payment.digest, keccak256(payment.payload)]),
        )
        expect(paymentKey(payment.orderKey, payment.version)).to.equal(key)
        expect(paymentEntryDigest(payment.digest, payment.payload)).to.equal(digest)
        expect(paymentEntry(payment)).to.deep.equal({ key, digest })
      }),
    )
  })

  it('refuses a version that is no uint32 from 1', () => {
    for (const bad of [0, -1, 1.5, 2 ** 32, Number.NaN])
      expectError(() => paymentKey(PLACE.registry.padEnd(66, '0') as `0x${string}`, bad), 'PAYMENT_INVALID')
  })
})

describe('order key', () => {
  it('is the keccak256 of the UTF-8 of the order id', () => {
    expect(orderKeyOf('税-1')).to.equal(keccak256(toUtf8Bytes('税-1')))
  })

  it('refuses an id of another form; reading one that was typed forgives blanks and the Unicode form', () => {
    for (const bad of ['', ' a', 'a\t', 'cafe\u0301', 'a\u202eb', 'a'.repeat(97)])
      expect(expectError(() => orderKeyOf(bad), 'ORDER_ID_MALFORMED').message).not.to.include('caf')
    expect(readOrderId('  cafe\u0301\n')).to.equal('caf\u00e9')
    expectError(() => readOrderId(' '), 'ORDER_ID_MALFORMED')
    expectError(() => readOrderId('a'.repeat(1_000_000)), 'ORDER_ID_MALFORMED')
  })
})

describe('packed payments', () => {
  it('come back as they were, in the packing of Solidity', () => {
    fc.assert(
      fc.property(fc.array(onChain, { minLength: 1, maxLength: 8 }), (payments) => {
        const packed = packPayments(payments)
        const expected = payments.map(({ orderKey, version: number, digest, payload: data }) =>
          solidityPacked(
            ['bytes32', 'uint32', 'bytes32', 'uint16', 'bytes'],
            [orderKey, number, digest, (data.length - 2) / 2, data],
          ).slice(2),
        )
        expect(packed).to.equal(`0x${expected.join('')}`)
        expect(unpackPayments(packed)).to.deep.equal(payments)
      }),
    )
  })

  it('are refused when cut short, lengthened, empty, or with a version or payload out of bounds', () => {
    const payment = fc.sample(onChain, 1)[0]!
    const packed = packPayments([payment])
    for (let length = 2; length < packed.length; length += 2)
      expectError(
        () => unpackPayments(packed.slice(0, length) as `0x${string}`),
        'PAYMENT_PUBLICATION_MALFORMED',
      )
    expectError(() => unpackPayments(`${packed}00`), 'PAYMENT_PUBLICATION_MALFORMED')
    expectError(() => packPayments([]), 'BATCH_EMPTY')
    for (const change of [
      { version: 0 },
      { payload: '0x' as const },
      { payload: bytesToHex(new Uint8Array(1025)) },
    ]) {
      expectError(() => packPayments([{ ...payment, ...change }]), 'PAYMENT_PUBLICATION_MALFORMED')
      const { orderKey, version: number, digest, payload: data } = { ...payment, ...change }
      const forged = solidityPacked(
        ['bytes32', 'uint32', 'bytes32', 'uint16', 'bytes'],
        [orderKey, number, digest, (data.length - 2) / 2, data],
      )
      expectError(() => unpackPayments(forged as `0x${string}`), 'PAYMENT_PUBLICATION_MALFORMED')
    }
  })
})
