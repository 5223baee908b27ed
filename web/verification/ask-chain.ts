import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { ReadHistory } from '../order/read-history.ts'
import type { ChainAnswer } from '../order/version-steps.ts'
import { connectNodes } from './nodes.ts'
import { verifyVoucher } from './verify-voucher.ts'

/** Each takes some requests to a node; older versions are looked at by their vouchers. */
const VERSIONS_AT_MOST = 20

/**
 * Holds the versions that could be read against the chain, the newest first. Never throws: an error is the answer of its version.
 * @param onAnswer given each by its entry digest
 */
export async function askChain(
  { versions }: ReadHistory,
  network: PaymentNetwork,
  signal: AbortSignal,
  onAnswer: (entryDigest: string, answer: ChainAnswer) => void,
): Promise<void> {
  const asked = versions.filter(({ voucher }) => voucher !== null).slice(-VERSIONS_AT_MOST)
  if (asked.length === 0) return
  const nodes = await connectNodes(network)
  for (const { answer, voucher } of asked.toReversed()) {
    if (signal.aborted) return
    const chain = await verifyVoucher(voucher!, { network, ...nodes }).then(
      (verification) => ({ verification }),
      (error: unknown) => ({ error }),
    )
    if (!signal.aborted) onAnswer(answer.entryDigest, chain)
  }
}
