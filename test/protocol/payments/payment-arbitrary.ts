import fc from 'fast-check'
import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { type Bytes32, bytesToHex, toAddress } from '../../../protocol/hex.ts'
import { CURRENCIES } from '../../../protocol/payments/currency.ts'
import { faultOfOrderId } from '../../../protocol/payments/order-id.ts'
import { KNOWN_CATEGORIES } from '../../../protocol/payments/payment-category.ts'
import { isVersion } from '../../../protocol/payments/payment-entry.ts'
import type { PaymentPlace } from '../../../protocol/payments/payment-place.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { faultOfText } from '../../../protocol/payments/plain-text.ts'

/** A place and an order that tests use where any would do. */
export const PLACE: PaymentPlace = {
  chainId: 31337,
  registry: toAddress('0x5fbdb2315678afecb367f032d93f642f64180aa3'),
  office: toAddress('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'),
}

export const paymentRecord = (change: Partial<PaymentRecord> = {}): PaymentRecord => ({
  orderId: 'BR-2015-0001',
  version: 1,
  kind: 'payment',
  category: 'business-rates',
  period: '2015-06',
  amountMinor: 3717550,
  currency: 'GBP',
  paidAt: '2015-06-04',
  authority: 'WESTMINSTER CITY COUNCIL',
  ...change,
})

export const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
export const bytes32: fc.Arbitrary<Bytes32> = bytes(32).map(bytesToHex)
const address = bytes(20).map((value) => toAddress(bytesToHex(value)))
export const place: fc.Arbitrary<PaymentPlace> = fc.record({
  chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  registry: address,
  office: address,
})

const digits = (value: number, length: number) => String(value).padStart(length, '0')
const year = fc.integer({ min: 1900, max: 2155 }).map(String)
const day = fc
  .date({ min: new Date('1900-01-01T00:00:00Z'), max: new Date('2155-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => date.toISOString())
const period = fc.oneof(
  fc.constant(''),
  year,
  fc.tuple(year, fc.integer({ min: 1, max: 12 })).map(([y, month]) => `${y}-${digits(month, 2)}`),
  fc.tuple(year, fc.integer({ min: 1, max: 4 })).map(([y, quarter]) => `${y}-Q${quarter}`),
  day.map((text) => text.slice(0, 10)),
  fc.integer({ min: 1900, max: 2154 }).map((y) => `${y}/${y + 1}`),
)
const text = (maxBytes: number) =>
  fc
    .string({
      unit: fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
        fc.constantFrom('税', 'é', 'A', '-', ' '),
      ),
      minLength: 1,
      maxLength: maxBytes,
    })
    .map((value) => value.trim().normalize('NFC'))
    .filter((value) => faultOfText(value, maxBytes) === undefined)

/** Canonical JSON takes no integer past 2^53. */
function isCarried(value: object): boolean {
  try {
    return Buffer.byteLength(canonicalJson(value)) <= 512
  } catch {
    return false
  }
}

const amount = fc.oneof(
  fc.integer({ min: 1, max: 1_000_000_000 }),
  fc.constantFrom(1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48, Number.MAX_SAFE_INTEGER),
)

/** Any valid record, of any version. */
export const anyRecord: fc.Arbitrary<PaymentRecord> = fc
  .record(
    {
      orderId: text(96).filter((value) => faultOfOrderId(value) === undefined),
      version: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 2 ** 32 - 1 })).filter(isVersion),
      kind: fc.constantFrom<PaymentRecord['kind']>('payment', 'correction', 'reversal', 'refund'),
      category: fc.oneof(
        fc.constantFrom(...KNOWN_CATEGORIES),
        fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/),
      ),
      period,
      amountMinor: amount,
      currency: fc.constantFrom(...CURRENCIES),
      paidAt: fc.oneof(
        day.map((value) => value.slice(0, 10)),
        day.map((value) => `${value.slice(0, 19)}Z`),
      ),
      authority: text(64),
      payerTag: text(64),
      fields: fc
        .dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 })
        .map((value) => JSON.parse(JSON.stringify(value)))
        .filter(isCarried),
    },
    {
      requiredKeys: [
        'orderId',
        'version',
        'kind',
        'category',
        'period',
        'amountMinor',
        'currency',
        'paidAt',
        'authority',
      ],
    },
  )
  .map((record): PaymentRecord => {
    const { version, kind } = record
    if (version === 1 && kind !== 'refund') return { ...record, kind: 'payment' }
    return version > 1 && kind === 'payment' ? { ...record, kind: 'correction' } : record
  })

/** Zero for version 1, any digest for a later one. */
export const previousOf = (record: PaymentRecord, digest: Bytes32): Bytes32 =>
  record.version === 1 ? `0x${'0'.repeat(64)}` : digest
