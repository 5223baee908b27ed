import { expect } from 'chai'
import fc from 'fast-check'
import { fromBase64Url, toBase64Url } from '../../../protocol/base64url.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { bytesToHex, keccak256 } from '../../../protocol/hex.ts'
import { newLookupCode } from '../../../protocol/payments/lookup-code.ts'
import { NO_PREVIOUS_DIGEST } from '../../../protocol/payments/payment-digest.ts'
import { sealPayment } from '../../../protocol/payments/payment-seal.ts'
import {
  createVoucher,
  decodeVoucher,
  encodeVoucher,
  MAX_VOUCHER_CHARACTERS,
  type PaymentVoucher,
} from '../../../protocol/payments/payment-voucher.ts'
import { writePublicPayment } from '../../../protocol/payments/public-payment.ts'
import { voucherDigests } from '../../../protocol/payments/voucher-check.ts'
import { expectError } from '../../support/expect-error.ts'
import { anyRecord, bytes32, PLACE, paymentRecord, place, previousOf } from './payment-arbitrary.ts'

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const position = {
  tier: 'recorded' as const,
  blockNumber: 21_000_000,
  transactionHash: bytesToHex(new Uint8Array(32).fill(7)),
  logIndex: 5,
}
const anyVoucher: fc.Arbitrary<PaymentVoucher> = fc
  .record({
    record: anyRecord,
    place,
    previousDigest: bytes32,
    seal: fc.option(fc.record({ salt: bytes32, payloadHash: bytes32 })),
    tier: fc.constantFrom('recorded' as const, 'published' as const),
    blockNumber: fc.maxSafeNat(),
    transactionHash: bytes32,
    logIndex: fc.nat(),
  })
  .map(({ record, ...voucher }) => {
    const { payerTag, ...open } = record
    return {
      ...voucher,
      record: voucher.seal === null ? open : record,
      previousDigest: previousOf(record, voucher.previousDigest),
    }
  })

/** An ordinary sealed record's. */
function voucher(change = {}) {
  const record = paymentRecord({ payerTag: 'QQ123456C', ...change })
  const code = newLookupCode()
  const { orderId, version } = record
  const onChain = {
    ...sealPayment(record, code, PLACE),
    orderId,
    version,
    previousDigest: NO_PREVIOUS_DIGEST,
    place: PLACE,
  }
  return { code, onChain, record, made: createVoucher(onChain, position, code) }
}

describe('payment voucher', () => {
  it('is read back from its text', () => {
    fc.assert(
      fc.property(anyVoucher, (value) => {
        const text = encodeVoucher(value)
        expect(decodeVoucher(text)).to.deep.equal(value)
        expect(text).to.match(/^[A-Za-z0-9_-]+$/)
        expect(text.length).to.be.at.most(MAX_VOUCHER_CHARACTERS)
      }),
      { numRuns: 300 },
    )
  })

  it('fits the longest record into its bound, and an ordinary one into a small QR code', () => {
    const longest = encodeVoucher({
      ...position,
      place: { ...PLACE, chainId: Number.MAX_SAFE_INTEGER },
      record: paymentRecord({
        ...{ orderId: 'x'.repeat(96), version: 2 ** 32 - 1, kind: 'refund', category: 'x'.repeat(32) },
        ...{ period: '2024-02-29', paidAt: '2024-02-29T10:00:00Z', authority: 'x'.repeat(64) },
        ...{ payerTag: 'x'.repeat(64), fields: { a: 'x'.repeat(504) } },
      }),
      previousDigest: position.transactionHash,
      seal: { salt: position.transactionHash, payloadHash: position.transactionHash },
      ...{ blockNumber: Number.MAX_SAFE_INTEGER, logIndex: Number.MAX_SAFE_INTEGER },
    })
    expect(longest.length).to.be.at.most(MAX_VOUCHER_CHARACTERS)
    expect(encodeVoucher(voucher().made).length).to.be.at.most(400)
    expect(decodeVoucher(longest).record.version).to.equal(2 ** 32 - 1)
  })

  it('has the digests that are on the chain, sealed or public', () => {
    const { made, onChain } = voucher()
    expect(voucherDigests(made).digest).to.equal(onChain.digest)
    expect(voucherDigests(made).payloadHash).to.equal(
      bytesToHex(keccak256(Buffer.from(onChain.payload.slice(2), 'hex'))),
    )
    const record = paymentRecord()
    const { orderId, version } = record
    const open = {
      ...writePublicPayment(record, PLACE),
      orderId,
      version,
      previousDigest: NO_PREVIOUS_DIGEST,
      place: PLACE,
    }
    const shown = createVoucher(open, position)
    expect(shown.seal).to.equal(null)
    expect(voucherDigests(shown).digest).to.equal(open.digest)
  })

  it('is made with the code only', () => {
    const { onChain } = voucher()
    expectError(() => createVoucher(onChain, position), 'PAYMENT_NOT_OPENED')
    expectError(() => createVoucher(onChain, position, newLookupCode()), 'PAYMENT_NOT_OPENED')
  })

  it('shows nothing of the code', () => {
    const { made, code } = voucher()
    expect(bytesToHex(fromBase64Url(encodeVoucher(made))!)).not.to.include(bytesToHex(code).slice(2))
  })

  it('is refused with any character changed, left out, added or changed over with the next', () => {
    const text = encodeVoucher(voucher().made)
    const refuse = (other: string) => expectError(() => decodeVoucher(other), 'PAYMENT_VOUCHER_MALFORMED')
    for (let at = 0; at < text.length; at++) {
      for (const char of [
        BASE64URL[(BASE64URL.indexOf(text[at]!) + 1) % 64],
        BASE64URL[BASE64URL.indexOf(text[at]!) ^ 32],
        '=',
      ])
        refuse(text.slice(0, at) + char + text.slice(at + 1))
      refuse(text.slice(0, at) + text.slice(at + 1))
      if (text[at] !== text[at + 1] && at + 1 < text.length)
        refuse(text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2))
    }
    for (const char of BASE64URL) if (char !== text.at(-1)) refuse(text.slice(0, -1) + char)
    for (const other of [
      '',
      'A',
      'AAAA',
      `${text}A`,
      `${text}=`,
      ` ${text}`,
      text.repeat(9),
      'é'.repeat(100),
    ])
      refuse(other)
  })

  it('with its checksum made to fit a change is refused, or has other digests or another position', () => {
    const { made } = voucher()
    const body = fromBase64Url(encodeVoucher(made))!.slice(0, -4)
    const same = JSON.stringify([
      voucherDigests(made),
      made.place,
      made.blockNumber,
      made.transactionHash,
      made.logIndex,
      made.tier,
    ])
    let read = 0
    for (let bit = 0; bit < 8 * body.length; bit++) {
      const forged = body.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      const text = toBase64Url(new Uint8Array([...forged, ...keccak256(forged).subarray(0, 4)]))
      let value: PaymentVoucher
      try {
        value = decodeVoucher(text)
      } catch (error) {
        if (isCountersignError(error, 'PAYMENT_VOUCHER_MALFORMED')) continue
        throw error
      }
      read++
      const said = [
        voucherDigests(value),
        value.place,
        value.blockNumber,
        value.transactionHash,
        value.logIndex,
        value.tier,
      ]
      expect(JSON.stringify(said)).not.to.equal(same)
      expect(encodeVoucher(value)).to.equal(text)
    }
    expect(read).to.be.above(500)
  })

  it('takes or refuses any bytes with a fitting checksum, and never fails otherwise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(7), (rest, flags) => {
        const body = new Uint8Array([1, flags, ...rest])
        try {
          decodeVoucher(toBase64Url(new Uint8Array([...body, ...keccak256(body).subarray(0, 4)])))
        } catch (error) {
          expect(isCountersignError(error, 'PAYMENT_VOUCHER_MALFORMED'), String(error)).to.equal(true)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
