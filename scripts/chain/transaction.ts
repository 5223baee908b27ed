import { isError, type Provider, type TransactionReceipt, type TransactionResponse, Wallet } from 'ethers'
import { CountersignError } from '../../protocol/errors.ts'
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
 * @throws TRANSACTION_UNCONFIRMED when that takes too long, CHAIN_UNREACHABLE when nobody took it, or the contract's own error
 */
export async function mined(
  sending: Promise<TransactionResponse>,
  withinMs = MINED_WITHIN_MS,
): Promise<TransactionReceipt> {
  const sent = await sending.catch((cause: Error) => {
    if (!isError(cause, 'TIMEOUT')) throw cause
    throw new CountersignError('CHAIN_UNREACHABLE', 'the node did not answer to a transaction', { cause })
  })
  try {
    return (await sent.wait(1, withinMs))!
  } catch (cause) {
    if (!isError(cause, 'TIMEOUT')) throw cause
    throw new CountersignError(
      'TRANSACTION_UNCONFIRMED',
      `transaction ${sent.hash} of ${sent.from} was not in a block within ${withinMs / 1000} s`,
      { cause },
    )
  }
}
