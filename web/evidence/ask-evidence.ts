import { type CredentialCheck, checkCredentialOffline } from '../../protocol/credentials/credential-check.ts'
import type { EvidenceCredential } from '../../protocol/credentials/evidence-credential.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { Check } from '../../protocol/verification.ts'
import { errorMessage, type Message } from '../order/version-steps.ts'
import type { OwnNodesChoice } from '../own-nodes.tsx'
import { connectNodes } from '../verification/nodes.ts'
import { verifyEvidence } from '../verification/verify-evidence.ts'
import type { Asked } from '../view/grounds.tsx'

/** What was found out about a credential and a file, as far as it came. */
export interface CheckedEvidence {
  checks: Check[]
  verdict: CredentialCheck['verdict']
  /** Undefined when nothing could be found out, neither for nor against. */
  rule: string | undefined
  /** Undefined unless the chain answered. */
  result: CredentialCheck | undefined
  asked: Asked | undefined
  /** What hindered asking the chain. */
  fault: Message | undefined
}

const NOTHING = { verdict: null, rule: undefined, result: undefined, asked: undefined, fault: undefined }

/**
 * Checks a credential, and a file by its hash, in the browser first, then with the chain. What was found without the chain stands also when
 * no node answers.
 * @param onChecks given the steps so far, each time there is one more
 */
export async function askEvidence(
  credential: EvidenceCredential,
  contentHash: Bytes32 | undefined,
  { network, urls, ownRegistries }: OwnNodesChoice,
  onChecks: (checks: Check[]) => void,
): Promise<CheckedEvidence> {
  const offline = await checkCredentialOffline(credential, contentHash)
  let checks = offline.checks
  onChecks(checks)
  if (!offline.isValid) {
    const skipped: Check = { name: 'issuer', outcome: 'not-checked', detail: 'an earlier check failed' }
    return { ...NOTHING, checks: [...checks, skipped], rule: 'credential-invalid' }
  }
  const { chainId } = credential.credentialStatus
  try {
    const nodes = await connectNodes(network, urls)
    const onCheck = (check: Check) => {
      checks = [...checks.filter(({ name }) => name !== check.name), check]
      onChecks(checks)
    }
    const result = await verifyEvidence(credential, { network, nodeOf: nodes.nodeOf, contentHash, onCheck })
    const chains = [...new Set([chainId, network.directory.chainId])]
    const asked = result.standing && {
      chainId,
      askedAt: result.standing.askedAt,
      nodes: chains.map(nodes.urlsOf),
      hasOwnAddresses: ownRegistries.includes(chainId),
    }
    return { ...NOTHING, ...result, result, asked: asked ?? undefined }
  } catch (error) {
    const fault = errorMessage(error)
    if (!offline.isOtherContent) return { ...NOTHING, checks, fault }
    return { ...NOTHING, checks, fault, verdict: 'tampered', rule: 'content-or-metadata-differs' }
  }
}

/** Of a credential file that cannot be read as one. */
export function checkedFault(fault: unknown): CheckedEvidence {
  const isMalformed = isCountersignError(fault, 'PROOF_FILE_MALFORMED')
  const detail = fault instanceof Error ? fault.message : String(fault)
  return {
    ...NOTHING,
    checks: [
      { name: 'document', outcome: 'failed', detail },
      { name: 'content', outcome: 'not-checked', detail: 'there is nothing to hold it against' },
      { name: 'issuer', outcome: 'not-checked', detail: 'an earlier check failed' },
    ],
    rule: isMalformed ? 'credential-malformed' : 'credential-invalid',
  }
}
