import { isOldHead } from '../../protocol/head-age.ts'
import type { PaymentChain } from '../../protocol/payments/payment-network.ts'
import type { Check } from '../../protocol/verification.ts'

/** What stays open when a chain was asked: whether it calls a block final, and what was recorded of late. */
export function headChecks(
  chain: PaymentChain | undefined,
  finalizedNumber: number | undefined,
  askedAt: { blockNumber: number; timestamp: number },
): Check[] {
  const checks: Check[] = []
  if (chain?.finalizedTag && finalizedNumber === undefined)
    checks.push({
      name: 'finalized-tag',
      outcome: 'not-checked',
      detail: 'no node that was asked knows the finalized tag',
    })
  if (isOldHead(askedAt.timestamp, chain?.maxHeadAge)) {
    const age = Math.floor(Date.now() / 1000) - askedAt.timestamp
    checks.push({
      name: 'head-age',
      outcome: 'not-checked',
      detail: `the newest block, ${askedAt.blockNumber}, is ${Math.floor(age / 60)} minutes old`,
    })
  }
  return checks
}
