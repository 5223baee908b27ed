import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { ReadHistory } from '../order/read-history.ts'
import type { ChainAnswer } from '../order/version-steps.ts'
import { connectNodes } from './nodes.ts'
import { verifyVoucher } from './verify-voucher.ts'

export interface AskChainOptions {
  /** See `connectNodes`, which throws for these. */
  ownNodes?: readonly string[]
  /** Versions that are held against the chain; each takes some requests to a node. Default: all. */
  versionsAtMost?: number
  signal?: AbortSignal
}

/**
 * Holds the versions that could be read against the chain, the newest first. What hinders that is the answer of its version.
 * @param onAnswer given each by its entry digest
 */
export async function askChain(
  { versions }: ReadHistory,
  network: PaymentNetwork,
  onAnswer: (entryDigest: string, answer: ChainAnswer) => void,
  { ownNodes = [], versionsAtMost = Number.POSITIVE_INFINITY, signal }: AskChainOptions = {},
): Promise<void> {
  const asked = versions.filter(({ voucher }) => voucher !== null).slice(-versionsAtMost)
  if (asked.length === 0) return
  const nodes = await connectNodes(network, ownNodes)
  for (const { answer, voucher } of asked.toReversed()) {
    if (signal?.aborted) return
    const chain = await verifyVoucher(voucher!, { network, ...nodes }).then(
      (verification) => ({ verification }),
      (error: unknown) => ({ error }),
    )
    if (!signal?.aborted) onAnswer(answer.entryDigest, chain)
  }
}
