import { CountersignError } from '../../protocol/errors.ts'
import { type Bytes32, ZERO_BYTES32 } from '../../protocol/hex.ts'
import { paymentKey } from '../../protocol/payments/payment-entry.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { HeadAnswer } from '../order/order-answer.ts'
import { connectNodes } from './nodes.ts'

/** `present`: the chain holds a record that the indexer did not show. Published records leave nothing to ask for. */
export type Absence = 'absent' | 'present'

const OFFICES_AT_MOST = 50

/**
 * Asks the chain itself whether these offices recorded a first version of an order: what an indexer leaves out, a node still has.
 * @throws CHAIN_UNKNOWN, CHAIN_UNREACHABLE, NodesDisagree
 */
export async function askAbsence(
  heads: readonly HeadAnswer[],
  orderKey: Bytes32,
  network: PaymentNetwork,
  ownNodes: readonly string[] = [],
): Promise<Absence> {
  const nodes = await connectNodes(network, ownNodes)
  const key = paymentKey(orderKey, 1)
  for (const { office, chainId } of heads.slice(0, OFFICES_AT_MOST)) {
    const chain = network.chains.find((known) => known.chainId === chainId)
    if (chain?.registry == null) continue
    const node = nodes.nodeOf(chainId)
    if (node === undefined)
      throw new CountersignError('CHAIN_UNKNOWN', `no node of chain ${chainId} is named`)
    if ((await node.digestOf(chain.registry, office, key)) !== ZERO_BYTES32) return 'present'
  }
  return 'absent'
}
