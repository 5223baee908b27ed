import { concatBytes, utf8ToBytes } from '../hex.ts'
import { minorDigitsOf } from './currency.ts'
import { paymentInvalid } from './payment-invalid.ts'

/** An amount as a record or a person asking has it; may be negative, as the net of a refund is. */
export interface Amount {
  amountMinor: number
  currency: string
}

/** The same members whatever the outcome: an answer shows nothing of the amount held but this. */
export interface AmountConfirmation {
  equal: boolean
}

/**
 * Confirms or denies an amount without showing it. All bytes are compared, so that the time says nothing of where they differ.
 * @throws PAYMENT_INVALID for an amount that nothing can be equal to
 */
export function confirmAmount(held: Amount, claimed: Amount): AmountConfirmation {
  const a = bytesOf(held)
  const b = bytesOf(claimed)
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return { equal: difference === 0 }
}

function bytesOf({ amountMinor, currency }: Amount): Uint8Array {
  if (!Number.isSafeInteger(amountMinor)) throw paymentInvalid('amountMinor', 'is not a safe integer')
  if (minorDigitsOf(currency) === undefined)
    throw paymentInvalid('currency', 'is not an ISO 4217 code of money')
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(amountMinor))
  return concatBytes(bytes, utf8ToBytes(currency))
}
