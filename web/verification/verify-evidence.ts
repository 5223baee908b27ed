import {
  type CredentialCheck,
  type CredentialCheckOptions,
  checkCredentialOnChain,
} from '../../protocol/credentials/credential-check.ts'
import type { EvidenceCredential } from '../../protocol/credentials/evidence-credential.ts'
import { isOldHead } from '../../protocol/head-age.ts'
import { headChecks } from './head-checks.ts'
import { requireNode } from './nodes.ts'
import type { VerificationParts } from './verify-voucher.ts'

export type EvidenceVerification = CredentialCheck

/** What of the check is the holder's to say. */
export interface EvidenceParts
  extends VerificationParts,
    Pick<CredentialCheckOptions, 'contentHash' | 'onCheck'> {}

/**
 * Holds a credential, and the file that it is shown with, against its chain and the directory, asking nodes alone. What would be intact is
 * `unconfirmed` by the rule `head-too-old` where the newest block that they show is old.
 * @throws CHAIN_UNKNOWN without a node for one of the chains; CHAIN_UNREACHABLE, CHAIN_MISMATCH, PROOF_UNBUILDABLE, NodesDisagree
 */
export async function verifyEvidence(
  credential: EvidenceCredential,
  { network, nodeOf, contentHash, onCheck }: EvidenceParts,
): Promise<EvidenceVerification> {
  const { chainId } = credential.credentialStatus
  const { directory } = network
  const chain = network.chains.find((known) => known.chainId === chainId)
  const node = requireNode(chainId, nodeOf)
  const finalizedNumber = chain?.finalizedTag ? await node.finalizedBlock() : undefined
  const result = await checkCredentialOnChain(credential, {
    chain: node,
    directory: { ...directory, node: requireNode(directory.chainId, nodeOf) },
    knownRegistry: chain?.registry ?? null,
    contentHash,
    onCheck,
    finalityDepth: chain?.finalityDepth ?? 0,
    finalizedNumber,
    now: Math.floor(Date.now() / 1000),
  })
  if (result.standing === null) return result
  const open = headChecks(chain, finalizedNumber, result.standing.askedAt)
  for (const check of open) onCheck?.(check)
  const checks = [...result.checks, ...open]
  // Nodes that stand still, or are held back, know of no revocation since.
  if (result.verdict === 'intact' && isOldHead(result.standing.askedAt.timestamp, chain?.maxHeadAge))
    return { ...result, checks, verdict: 'unconfirmed', rule: 'head-too-old' }
  return { ...result, checks }
}
