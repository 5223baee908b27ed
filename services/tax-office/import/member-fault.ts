import { minorDigitsOf } from '../../../protocol/payments/currency.ts'
import { PERIOD_RULE, packPeriod } from '../../../protocol/payments/payment-period.ts'
import {
  CATEGORY_PATTERN,
  MAX_AUTHORITY_BYTES,
  PAYMENT_KINDS,
} from '../../../protocol/payments/payment-record.ts'
import { faultOfText } from '../../../protocol/payments/plain-text.ts'

const CATEGORY = new RegExp(CATEGORY_PATTERN)

/** Members that a mapping takes from a constant or a column. */
export type SourcedMember = 'visibility' | 'kind' | 'category' | 'currency' | 'period' | 'authority'

/** What is wrong with `text` as that member of a record, if anything; never quotes it. */
export function faultOfMember(member: SourcedMember, text: string): string | undefined {
  switch (member) {
    case 'visibility':
      return text === 'public' || text === 'sealed' ? undefined : 'is neither public nor sealed'
    case 'kind':
      return PAYMENT_KINDS.some((kind) => kind === text)
        ? undefined
        : `is none of ${PAYMENT_KINDS.join(', ')}`
    case 'category':
      return CATEGORY.test(text) ? undefined : `does not match ${CATEGORY_PATTERN}`
    case 'currency':
      return minorDigitsOf(text) === undefined ? 'is not an ISO 4217 code of money' : undefined
    case 'period':
      return packPeriod(text) === undefined ? PERIOD_RULE : undefined
    case 'authority':
      return faultOfText(text, MAX_AUTHORITY_BYTES)
  }
}
