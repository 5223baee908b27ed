import { CountersignError } from '../errors.ts'

/** @param what never a value of the payload, it may be personal */
export const payloadMalformed = (what: string): CountersignError =>
  new CountersignError('PAYMENT_PAYLOAD_MALFORMED', `the payload ${what}`)
