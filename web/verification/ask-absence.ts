import { CountersignError } from '../../protocol/errors.ts'
import { type Bytes32, isSameAddress } from '../../protocol/hex.ts'
import { paymentKey } from '../../protocol/payments/payment-entry.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { HeadAnswer } from '../order/order-answer.ts'
import type { Step } from '../order/version-steps.ts'
import { connectNodes } from './nodes.ts'

export interface Absence {
  /** `present`: the chain holds a record that the indexer did not show. Published records leave nothing to ask for. */
  outcome: 'absent' | 'present'
  /** Offices that were asked about, of those there are. */
  asked: number
  count: number
}

const OFFICES_AT_MOST = 50

/**
 * Asks the chain itself whether these offices recorded a first version of an order, and so any at all: what an indexer leaves out, a node
 * still has. Those of a registry that is not known are left out, and those past the first fifty.
 * @throws CHAIN_UNKNOWN, CHAIN_UNREACHABLE
 */
export async function askAbsence(
  heads: readonly HeadAnswer[],
  orderKey: Bytes32,
  network: PaymentNetwork,
  ownNodes: readonly string[] = [],
): Promise<Absence> {
  const nodes = await connectNodes(network, ownNodes)
  const key = paymentKey(orderKey, 1)
  const count = heads.length
  let asked = 0
  for (const { office, chainId, registry } of heads) {
    const chain = network.chains.find((known) => known.chainId === chainId)
    if (chain?.registry == null || !isSameAddress(chain.registry, registry)) continue
    const node = nodes.nodeOf(chainId)
    if (node === undefined)
      throw new CountersignError('CHAIN_UNKNOWN', `no node of chain ${chainId} is named`)
    asked++
    if (await node.isRecorded(chain.registry, office, key)) return { outcome: 'present', asked, count }
    if (asked === OFFICES_AT_MOST) break
  }
  return { outcome: 'absent', asked, count }
}

/** As it is shown: that nothing is there was checked only where every office was asked about. */
export function absenceStep({ outcome, asked, count }: Absence): Step {
  if (outcome === 'present') return { key: 'step.absence.failed', outcome: 'failed' }
  if (asked < count)
    return { key: 'step.absence.not-checked', outcome: 'not-checked', values: { asked, count } }
  return { key: 'step.absence.passed', outcome: 'passed', values: { count } }
}
