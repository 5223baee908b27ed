import type { Json } from '../canonical-json.ts'

/**
 * - `payment`: the first version of an order; `amountMinor` was paid
 * - `correction`: `amountMinor` is what was paid in all, whatever was said before
 * - `refund`: `amountMinor` is given back
 * - `reversal`: nothing is paid any more; `amountMinor` is what is taken back
 */
export const PAYMENT_KINDS = ['payment', 'correction', 'reversal', 'refund'] as const
export type PaymentKind = (typeof PAYMENT_KINDS)[number]

/** One version of an order, as the office says it. */
export interface PaymentRecord {
  /** 1 to 96 bytes of UTF-8, see `checkOrderId`. */
  orderId: string
  /** From 1; each version follows the one before it. */
  version: number
  kind: PaymentKind
  /** What was paid for: `[a-z0-9][a-z0-9-]{0,31}`. */
  category: string
  /** `YYYY`, `YYYY-MM`, `YYYY-Qn`, `YYYY-MM-DD`, `YYYY/YYYY` (a tax year) or "". */
  period: string
  /** In the currency's minor unit; a safe integer, not negative. */
  amountMinor: number
  /** ISO 4217 alphabetic code. */
  currency: string
  /** `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SSZ`. */
  paidAt: string
  /** Who collected it; 1 to 64 bytes of UTF-8. */
  authority: string
  /** Says to the office who paid; 1 to 64 bytes of UTF-8. Sealed records only. */
  payerTag?: string
  /** Whatever else the office keeps; its canonical JSON has at most 512 bytes. */
  fields?: { [member: string]: Json }
}
