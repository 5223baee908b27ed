import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { isSameAddress } from '../../protocol/hex.ts'
import type { PaymentChain, PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { PaymentPlace } from '../../protocol/payments/payment-place.ts'
import type { PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import { checkVoucher, type VoucherCheck } from '../../protocol/payments/voucher-check.ts'
import type { ParticipantStatus } from '../../protocol/roles.ts'
import type { Check } from '../../protocol/verification.ts'
import type { ChainNode } from './chain-node.ts'
import { headChecks } from './head-checks.ts'
import { requireNode } from './nodes.ts'

/**
 * - `consistent`: the chain holds this record, final, of a tax office that was active then
 * - `superseded`: as above, and a later version of the order
 * - `unconfirmed`: as above, but its block is not final yet
 * - `suspended-author`: it is there, but the office was not active when it recorded it
 * - `changed`: the chain holds another record in its place
 * - `unrecorded`: the chain holds no such record
 * - `unknown-office`: whatever is there, no tax office of the directory recorded it in the registry of payments
 */
export type VerificationVerdict =
  | VoucherCheck['verdict']
  | 'superseded'
  | 'suspended-author'
  | 'unknown-office'

export interface VoucherVerification extends Omit<VoucherCheck, 'verdict'> {
  verdict: VerificationVerdict
  /** As the directory has it; null when it does not. */
  officeName: string | null
  /** Of the office when it recorded; null when that was not asked. */
  officeStatus: ParticipantStatus | null
}

export interface VerificationParts {
  network: PaymentNetwork
  /** The node to ask of a chain; undefined when there is none. */
  nodeOf(chainId: number): ChainNode | undefined
}

/**
 * Holds a voucher against its chain and its office against the directory, asking nodes alone.
 * @throws CHAIN_UNKNOWN without a node for one of the chains; CHAIN_UNREACHABLE, CHAIN_MISMATCH, PROOF_UNBUILDABLE, NodesDisagree
 */
export async function verifyVoucher(
  voucher: PaymentVoucher,
  { network, nodeOf }: VerificationParts,
): Promise<VoucherVerification> {
  const { place } = voucher
  const chain = network.chains.find(({ chainId }) => chainId === place.chainId)
  const node = requireNode(place.chainId, nodeOf)
  const directoryNode = requireNode(network.directory.chainId, nodeOf)
  const registry = checkRegistry(place, chain)
  const { check: office, name } = await checkOffice(place, network, directoryNode)
  const isKnown = registry.outcome === 'passed' && office.outcome === 'passed'
  const finalizedNumber = chain?.finalizedTag ? await node.finalizedBlock() : undefined
  const result = await checkVoucher(voucher, node, {
    finalityDepth: chain?.finalityDepth ?? 0,
    finalizedNumber,
    knownPlaces: isKnown ? [place] : [],
  })
  const status =
    result.recordedAt === null
      ? null
      : await directoryNode.statusAt(network.directory.address, place.office, result.recordedAt)
  const checks = [registry, office, ...result.checks.filter(({ name: step }) => step !== 'place')]
  if (status !== null) checks.push(statusCheck(status))
  checks.push(...headChecks(chain, finalizedNumber, result.askedAt))
  return {
    ...result,
    checks,
    verdict: verdictOf(result, isKnown, status),
    officeName: name,
    officeStatus: status,
  }
}

function checkRegistry(place: PaymentPlace, chain: PaymentChain | undefined): Check {
  const isKnown = chain?.registry != null && isSameAddress(chain.registry, place.registry)
  return {
    name: 'known-registry',
    outcome: isKnown ? 'passed' : 'failed',
    detail: `registry ${place.registry} on chain ${place.chainId}`,
  }
}

async function checkOffice(
  { office }: PaymentPlace,
  { directory }: PaymentNetwork,
  node: ChainNode,
): Promise<{ check: Check; name: string | null }> {
  const asked = await node.chainId()
  if (asked !== directory.chainId)
    throw new CountersignError(
      'CHAIN_MISMATCH',
      `the node is of chain ${asked}, the directory of chain ${directory.chainId}`,
    )
  try {
    const { roles, name } = await node.participant(directory.address, office)
    const isOffice = roles.includes('taxOffice')
    const detail = `${office}: ${roles.join(', ') || 'not registered'}, directory ${directory.address}`
    return {
      check: { name: 'known-office', outcome: isOffice ? 'passed' : 'failed', detail },
      name: isOffice ? name : null,
    }
  } catch (error) {
    if (!isCountersignError(error, 'CHAIN_CONTRADICTS')) throw error
    return { check: { name: 'known-office', outcome: 'failed', detail: error.message }, name: null }
  }
}

const statusCheck = (status: ParticipantStatus): Check => ({
  name: 'office-status',
  outcome: status === 'active' ? 'passed' : 'failed',
  detail: `the office was ${status} in the second of the block`,
})

function verdictOf(
  { verdict, isSuperseded }: VoucherCheck,
  isKnown: boolean,
  status: ParticipantStatus | null,
): VerificationVerdict {
  if (!isKnown) return 'unknown-office'
  if (verdict === 'changed' || verdict === 'unrecorded') return verdict
  if (status !== 'active') return 'suspended-author'
  if (verdict === 'unconfirmed') return verdict
  return isSuperseded ? 'superseded' : 'consistent'
}
