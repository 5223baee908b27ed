import { isError, type Provider, type TransactionReceipt, type TransactionResponse, Wallet } from 'ethers'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'

const MINED_WITHIN_MS = 180_000

/** A change in the directory takes more gas in a new second than the estimate of the second before says. */
const GAS_MARGIN = 200_000n

/** Signs with `privateKey`, and leaves gas above the estimate. */
export function walletWithGasToSpare(privateKey: Bytes32, provider: Provider): Wallet {
  const wallet = new Wallet(privateKey, provider)
  const estimateGas = wallet.estimateGas.bind(wallet)
  wallet.estimateGas = async (transaction) => (await estimateGas(transaction)) + GAS_MARGIN
  return wallet
}

/**
 * Waits until a transaction is in a block.
 * @throws TRANSACTION_UNCONFIRMED when that takes too long or the node no longer answers; what `sending` rejects with; or ethers'
 * error when it was reverted or replaced
 */
export async function mined(
  sending: Promise<TransactionResponse>,
  withinMs = MINED_WITHIN_MS,
): Promise<TransactionReceipt> {
  const sent = await sending
  const unconfirmed = (detail: string, cause: unknown) =>
    new CountersignError('TRANSACTION_UNCONFIRMED', `transaction ${sent.hash} of ${sent.from} ${detail}`, {
      cause,
    })
  try {
    return (await sent.wait(1, withinMs))!
  } catch (cause) {
    if (isError(cause, 'TIMEOUT')) throw unconfirmed(`was not in a block within ${withinMs / 1000} s`, cause)
    if (isCountersignError(cause)) throw unconfirmed(`cannot be waited for: ${cause.message}`, cause)
    throw cause
  }
}
