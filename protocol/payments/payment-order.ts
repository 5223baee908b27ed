import { type Bytes32, isBytes32 } from '../hex.ts'
import { NO_PREVIOUS_DIGEST } from './payment-digest.ts'
import { paymentInvalid } from './payment-invalid.ts'

/** Version 1 follows nothing, each later one a digest. @throws PAYMENT_INVALID */
export function checkPrevious(version: number, previousDigest: Bytes32): void {
  if (!isBytes32(previousDigest)) throw paymentInvalid('previousDigest', 'is not 32 bytes')
  if ((version === 1) !== (previousDigest === NO_PREVIOUS_DIGEST))
    throw paymentInvalid('previousDigest', 'is zero for version 1 and for no other')
}
