import { CountersignError } from '../errors.ts'

/** A record that cannot be taken. Values are never quoted, they may be personal. @param member the first thing to correct */
export const paymentInvalid = (member: string, reason: string): CountersignError =>
  new CountersignError('PAYMENT_INVALID', `${member} ${reason}`, { details: { member } })
