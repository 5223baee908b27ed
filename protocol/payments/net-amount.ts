import { paymentInvalid } from './payment-invalid.ts'
import type { PaymentRecord } from './payment-record.ts'

/**
 * Whether an order that begins with this version may be corrected. A correction says what was paid in all: of an order that begins with a
 * refund nothing ever was, and whether the refund is meant cannot be told.
 */
export const canBeCorrected = (first: Pick<PaymentRecord, 'kind'>): boolean => first.kind === 'payment'

/**
 * What an order comes to after its versions, in minor units of the last one's currency: payment and correction set what is paid, a refund
 * takes off, a reversal sets 0. Negative where more was given back than paid, as of a refund alone.
 * @param versions of one order, in order from 1
 * @throws PAYMENT_INVALID when there are none, one is missing, a refund is in another currency, the sum is past 2^53 - 1, or
 * {@link canBeCorrected} does not hold for a correction
 */
export function netAmount(
  versions: readonly Pick<PaymentRecord, 'version' | 'kind' | 'amountMinor' | 'currency'>[],
): number {
  if (versions.length === 0) throw paymentInvalid('versions', 'are none')
  let net = 0
  versions.forEach(({ version, kind, amountMinor, currency }, i) => {
    if (version !== i + 1) throw paymentInvalid('version', `is ${version} where ${i + 1} follows`)
    const isOfBefore = kind === 'refund' || kind === 'reversal'
    if (i > 0 && isOfBefore && currency !== versions[i - 1]!.currency)
      throw paymentInvalid('currency', `of a ${kind} is not that of the version before`)
    if (kind === 'correction' && !canBeCorrected(versions[0]!))
      throw paymentInvalid('kind', 'is a correction where nothing was paid: what it comes to cannot be told')
    if (kind === 'refund') net -= amountMinor
    else net = kind === 'reversal' ? 0 : amountMinor
    if (!Number.isSafeInteger(net)) throw paymentInvalid('amountMinor', 'adds up past 2^53 - 1')
  })
  return net
}
