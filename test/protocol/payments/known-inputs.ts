import { bytesToHex } from '../../../protocol/hex.ts'
import type { KnownInput } from './known-answers.ts'
import { PLACE, paymentRecord } from './payment-arbitrary.ts'

const ZERO = bytesToHex(new Uint8Array(32))
const ONES = bytesToHex(new Uint8Array(32).fill(0x11))
const CODE = bytesToHex(Uint8Array.from({ length: 16 }, (_, i) => i))

const input = (name: string, record: KnownInput['record'], change: Partial<KnownInput> = {}): KnownInput => ({
  ...{ name, place: PLACE, record, previousDigest: record.version === 1 ? ZERO : ONES, code: CODE },
  ...change,
})

/** What `payment-vectors.json` is made from with UPDATE_VECTORS=1. */
export const KNOWN_INPUTS: readonly KnownInput[] = [
  input('sealed, business rates', paymentRecord()),
  input('public, business rates', paymentRecord(), { code: null }),
  input('sealed, with a payer tag', paymentRecord({ payerTag: 'QQ123456C' })),
  input(
    'sealed, pension of a year',
    paymentRecord({ category: 'pension', period: '2024', authority: 'HMRC' }),
  ),
  input(
    'public, category as text, time of day',
    paymentRecord({
      category: 'parking',
      period: '2024-Q4',
      paidAt: '2024-12-31T23:59:59Z',
      currency: 'JPY',
    }),
    { code: null },
  ),
  input(
    'sealed, tax year, largest amount',
    paymentRecord({ category: 'income-tax', period: '2023/2024', amountMinor: Number.MAX_SAFE_INTEGER }),
  ),
  input('sealed, no period, amount of zero', paymentRecord({ period: '', amountMinor: 0 })),
  input(
    'sealed, a day, Chinese, free fields',
    paymentRecord({
      orderId: '税单-2024-000123',
      category: 'medical',
      period: '2024-02-29',
      currency: 'CNY',
      paidAt: '2024-02-29',
      authority: '国家税务总局上海市税务局',
      fields: { b: [1, true, null], a: 'é' },
    }),
  ),
  input('sealed correction', paymentRecord({ version: 2, kind: 'correction', amountMinor: 3717500 })),
  input('sealed refund', paymentRecord({ version: 3, kind: 'refund', amountMinor: 100 })),
  input('public reversal on another chain', paymentRecord({ version: 4, kind: 'reversal' }), {
    code: null,
    place: { ...PLACE, chainId: 11155111 },
  }),
]
