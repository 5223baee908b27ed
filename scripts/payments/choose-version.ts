import { CountersignError } from '../../protocol/errors.ts'
import { isSameAddress } from '../../protocol/hex.ts'
import { newestOf, type ReadVersion } from '../../web/order/read-history.ts'
import type { FoundOrder, VerifiedHistory } from './order-lookup.ts'

/**
 * The version that is asked for; without a number the newest, also where that one does not open: an older one is not the last word.
 * @throws PAYMENT_UNKNOWN, PAYMENT_NOT_OPENED
 */
export function chooseVersion(
  { histories }: FoundOrder,
  { office, version }: { office?: string; version?: number },
): { history: VerifiedHistory; chosen: ReadVersion } {
  const history = histories.find(({ answer }) =>
    office === undefined ? answer.registered : isSameAddress(answer.office, office),
  )
  if (history === undefined)
    throw new CountersignError('PAYMENT_UNKNOWN', 'no tax office recorded anything under this order id')
  const asked = history.versions.find(({ answer }) => answer.version === version && !answer.repeated)
  if (version !== undefined && asked === undefined)
    throw new CountersignError('PAYMENT_UNKNOWN', `there is no version ${version} of this order`)
  const chosen = asked ?? newestOf(history)
  if (chosen?.record == null)
    throw new CountersignError(
      'PAYMENT_NOT_OPENED',
      'the record does not open with this order id and lookup code',
    )
  return { history, chosen }
}
