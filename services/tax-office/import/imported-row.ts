import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'

/** A payment record as a file says it: its version is the office's to give, or the one after that which it follows. */
export interface PaymentDraft extends Omit<PaymentRecord, 'version'> {
  follows?: number
  visibility: 'public' | 'sealed'
}

/** What may be wrong with a row; docs/payment-mapping.md has a line for each. */
export const REFUSAL_CODES = [
  'AMOUNT_CURRENCY_DIFFERENT',
  'AMOUNT_EMPTY',
  'AMOUNT_NEGATIVE',
  'AMOUNT_TOO_LARGE',
  'AMOUNT_TOO_PRECISE',
  'AMOUNT_UNREADABLE',
  'CELL_NOT_TEXT',
  'CELL_TOO_LONG',
  'DATE_AMBIGUOUS',
  'DATE_EMPTY',
  'DATE_NOT_EXISTING',
  'DATE_OUT_OF_RANGE',
  'DATE_UNREADABLE',
  'ORDERS_TOO_MANY',
  'ORDER_ID_CONFLICT',
  'ORDER_ID_INVALID',
  'ORDER_ID_PART_DAMAGED',
  'ORDER_ID_PART_EMPTY',
  'RECORD_INVALID',
  'ROW_MALFORMED',
  'ROW_NOT_UTF8',
  'ROW_RAGGED',
  'ROW_TOO_LONG',
  'VALUE_EMPTY',
  'VALUE_UNEXPECTED',
  'VALUE_UNKNOWN',
] as const
export type RefusalCode = (typeof REFUSAL_CODES)[number]

/** Says what is wrong without the cell, which may be personal. */
export interface Refusal {
  column?: string
  code: RefusalCode
  reason: string
}

/** What became of a row. `line` is that of its first character in the file, from 1. */
export type ImportedRow =
  | { line: number; record: PaymentDraft }
  /** `isUncounted`: ids count rows, and it is not known with which ones to count this: once it is mended, ids of others may shift. */
  | { line: number; refusals: Refusal[]; isUncounted?: true }
  /** Left out by a rule of the mapping, for its reason. */
  | { line: number; skipped: string }
  /** The same order with the same content as in an earlier line. */
  | { line: number; duplicateOf: number }

export const refusal = (code: RefusalCode, reason: string, column?: string): Refusal =>
  column === undefined ? { code, reason } : { column, code, reason }
