import { CountersignError } from '../errors.ts'
import { faultOfText } from '../payments/plain-text.ts'

/** Of UTF-8; the registry refuses longer ones. */
export const MAX_REASON_BYTES = 256

/**
 * The reason of a revocation, which everybody can read for ever: 1 to 256 bytes of UTF-8 in normal form C, nothing in it unseen.
 * @throws REVOCATION_REASON_INVALID; the text itself is not quoted
 */
export function checkRevocationReason(reason: unknown): string {
  const fault = faultOfText(reason, MAX_REASON_BYTES)
  if (fault !== undefined) throw new CountersignError('REVOCATION_REASON_INVALID', `the reason ${fault}`)
  return reason as string
}
