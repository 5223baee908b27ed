import { createCipheriv, createHmac, hkdfSync } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex, type Hex, hexToBytes } from '../../../protocol/hex.ts'
import { confirmAmount } from '../../../protocol/payments/amount-confirmation.ts'
import { newLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../../protocol/payments/order-id.ts'
import { encodeHiddenContent } from '../../../protocol/payments/payment-content.ts'
import { NO_PREVIOUS_DIGEST, paymentDigest } from '../../../protocol/payments/payment-digest.ts'
import { decodePayload } from '../../../protocol/payments/payment-payload.ts'
import { openPayment, type SealedPayment, sealPayment } from '../../../protocol/payments/payment-seal.ts'
import { readPublicPayment, writePublicPayment } from '../../../protocol/payments/public-payment.ts'
import { expectError } from '../../support/expect-error.ts'
import { anyRecord, bytes, bytes32, PLACE, paymentRecord, place, previousOf } from './payment-arbitrary.ts'

const code = bytes(16)

/** A sealed record as the chain gives it. */
function sealed(record = paymentRecord(), key = newLookupCode(), previousDigest: Hex = NO_PREVIOUS_DIGEST) {
  const { orderId, version } = record
  const onChain: SealedPayment = {
    ...sealPayment(record, key, PLACE, previousDigest),
    ...{ orderId, version, previousDigest, place: PLACE },
  }
  return { onChain, key, record }
}

const refusesToOpen = (payment: SealedPayment, key: Uint8Array) => {
  const error = expectError(() => openPayment(payment, key), 'PAYMENT_NOT_OPENED')
  return [error.message, JSON.stringify(error.details), String(error.cause)]
}

describe('sealed payment', () => {
  it('opens under its code to the record that was sealed, and is the same each time', () => {
    fc.assert(
      fc.property(anyRecord, code, place, bytes32, (record, key, where, digest) => {
        const previousDigest = previousOf(record, digest)
        const once = sealPayment(record, key, where, previousDigest)
        expect(sealPayment(record, key, where, previousDigest)).to.deep.equal(once)
        const { orderId, version } = record
        expect(openPayment({ ...once, orderId, version, previousDigest, place: where }, key)).to.deep.equal(
          record,
        )
      }),
    )
  })

  it('is the AES-256-GCM, under keys of HKDF-SHA-256, that another library computes', () => {
    fc.assert(
      fc.property(anyRecord, code, place, bytes32, (record, key, where, digest) => {
        const previousDigest = previousOf(record, digest)
        const word = (value: number, length: number) => {
          const buffer = Buffer.alloc(length)
          buffer.writeBigUInt64BE(BigInt(value), length - 8)
          return buffer
        }
        const u32 = Buffer.alloc(4)
        u32.writeUInt32BE(record.version)
        const info = Buffer.concat([
          word(where.chainId, 32),
          hexToBytes(where.registry),
          hexToBytes(where.office),
          hexToBytes(orderKeyOf(record.orderId)),
        ])
        const root = Buffer.from(hkdfSync('sha256', key, 'countersign.payment.v1', info, 32))
        // HKDF-Expand of one block: HMAC(root, info ‖ 1).
        const expand = (...parts: (string | Uint8Array)[]) =>
          createHmac('sha256', root)
            .update(
              Buffer.concat([...parts.map((part) => Buffer.from(part as Uint8Array)), Buffer.from([1])]),
            )
            .digest()
        const salt = bytesToHex(expand('salt', u32))
        const expectedDigest = paymentDigest(record, { previousDigest, salt }, where)
        const made = sealPayment(record, key, where, previousDigest)
        expect(made.digest).to.equal(expectedDigest)
        const decoded = decodePayload(made.payload)
        if (decoded.visibility !== 'sealed') throw new Error('not sealed')
        const cipher = createCipheriv(
          'aes-256-gcm',
          expand('key', u32, hexToBytes(expectedDigest)),
          Buffer.alloc(12),
        )
        cipher.setAAD(decoded.clear)
        const encrypted = Buffer.concat([
          cipher.update(encodeHiddenContent(record)),
          cipher.final(),
          cipher.getAuthTag(),
        ])
        expect(bytesToHex(decoded.ciphertext)).to.equal(bytesToHex(encrypted))
      }),
    )
  })

  it('opens nowhere but where it was recorded, and says the same whatever is wrong', () => {
    const { onChain, key } = sealed()
    const other = sealed(paymentRecord({ amountMinor: 1 }), key).onChain
    const moved: SealedPayment[] = [
      { ...onChain, orderId: 'BR-2015-0002' },
      { ...onChain, orderId: '' },
      { ...onChain, version: 2, previousDigest: onChain.digest },
      { ...onChain, version: 2 },
      { ...onChain, version: 0 },
      { ...onChain, previousDigest: onChain.digest },
      { ...onChain, digest: other.digest },
      { ...onChain, payload: other.payload },
      { ...onChain, payload: '0x' },
      { ...onChain, payload: '0x02' },
      { ...onChain, payload: `${onChain.payload}00` },
      { ...onChain, payload: writePublicPayment(paymentRecord(), PLACE).payload },
      { ...onChain, place: { ...PLACE, chainId: 1 } },
      { ...onChain, place: { ...PLACE, office: PLACE.registry } },
      { ...onChain, place: { ...PLACE, registry: PLACE.office } },
    ]
    const said = moved.map((payment) => refusesToOpen(payment, key))
    said.push(refusesToOpen(onChain, newLookupCode()), refusesToOpen(onChain, new Uint8Array(0)))
    expect(new Set(said.map(String)).size).to.equal(1)
  })

  it('opens only after the version that it follows', () => {
    const first = sealed()
    const record = paymentRecord({ version: 2, kind: 'correction', amountMinor: 5 })
    const second = sealed(record, first.key, first.onChain.digest)
    expect(openPayment(second.onChain, first.key)).to.deep.equal(record)
    refusesToOpen({ ...second.onChain, previousDigest: second.onChain.digest }, first.key)
    refusesToOpen({ ...second.onChain, previousDigest: NO_PREVIOUS_DIGEST }, first.key)
  })

  it('does not open with any bit of payload, digest or code flipped', () => {
    const { onChain, key } = sealed(paymentRecord({ payerTag: 'T-77', fields: { ward: 3 } }))
    const flips = (value: Uint8Array) =>
      Array.from({ length: 8 * value.length }, (_, bit) => {
        const flipped = value.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        return flipped
      })
    for (const payload of flips(hexToBytes(onChain.payload)))
      refusesToOpen({ ...onChain, payload: bytesToHex(payload) }, key)
    for (const digest of flips(hexToBytes(onChain.digest)))
      refusesToOpen({ ...onChain, digest: bytesToHex(digest) }, key)
    for (const wrong of flips(key)) refusesToOpen(onChain, wrong)
  })

  it('has a salt and a key of its own in every version', () => {
    const key = newLookupCode()
    const versions = [2, 3].map((version) =>
      sealPayment(paymentRecord({ version, kind: 'refund' }), key, PLACE, `0x${'11'.repeat(32)}`),
    )
    expect(versions[0]!.payload.slice(12)).not.to.equal(versions[1]!.payload.slice(12))
    expect(versions[0]!.digest).not.to.equal(versions[1]!.digest)
  })

  it('follows a digest from version 2 on, and none before', () => {
    const key = newLookupCode()
    expectError(() => sealPayment(paymentRecord(), key, PLACE, `0x${'11'.repeat(32)}`), 'PAYMENT_INVALID')
    const second = paymentRecord({ version: 2, kind: 'refund' })
    expectError(() => sealPayment(second, key, PLACE), 'PAYMENT_INVALID')
    expectError(() => writePublicPayment(second, PLACE), 'PAYMENT_INVALID')
    expectError(() => sealPayment(paymentRecord({ currency: 'XXX' }), key, PLACE), 'PAYMENT_INVALID')
    expectError(() => sealPayment(paymentRecord(), new Uint8Array(15), PLACE), 'LOOKUP_CODE_MISTYPED')
  })

  it('takes at most 56 bytes for an authority of up to 24', () => {
    expect(hexToBytes(sealed().onChain.payload).length).to.equal(56)
    const social = paymentRecord({ category: 'pension', period: '2024', authority: 'HMRC' })
    expect(hexToBytes(sealed(social).onChain.payload).length).to.equal(35)
  })
})

describe('public payment', () => {
  it('is read by everybody, and held against its digest', () => {
    fc.assert(
      fc.property(anyRecord, place, bytes32, ({ payerTag: _, ...record }, where, digest) => {
        const { orderId, version } = record
        const previousDigest = previousOf(record, digest)
        const onChain = {
          ...writePublicPayment(record, where, previousDigest),
          ...{ orderId, version, previousDigest, place: where },
        }
        expect(readPublicPayment(onChain)).to.deep.equal(record)
        expectError(() => readPublicPayment({ ...onChain, digest }), 'PAYMENT_PAYLOAD_MALFORMED')
      }),
    )
  })

  it('is not read from a sealed one, nor made of a record with a payer tag', () => {
    expectError(() => readPublicPayment(sealed().onChain), 'PAYMENT_PAYLOAD_MALFORMED')
    expectError(() => writePublicPayment(paymentRecord({ payerTag: 'T' }), PLACE), 'PAYMENT_INVALID')
  })
})

describe('amount confirmation', () => {
  it('says equal of the same amount and currency, and of no other', () => {
    const amount = fc.record({
      amountMinor: fc.maxSafeInteger(),
      currency: fc.constantFrom('GBP', 'EUR', 'JPY'),
    })
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        expect(confirmAmount(a, { ...a })).to.deep.equal({ equal: true })
        const isSame = a.amountMinor === b.amountMinor && a.currency === b.currency
        expect(confirmAmount(a, b)).to.deep.equal({ equal: isSame })
        expect(confirmAmount(a, { ...a, currency: b.currency }).equal).to.equal(a.currency === b.currency)
      }),
    )
  })

  it('refuses what no amount can be', () => {
    const held = { amountMinor: 5, currency: 'GBP' }
    for (const claimed of [{ amountMinor: 0.5 }, { amountMinor: Number.NaN }, { currency: 'XXX' }])
      expectError(() => confirmAmount(held, { ...held, ...claimed }), 'PAYMENT_INVALID')
  })
})
