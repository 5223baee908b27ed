import type { FastifyRequest } from 'fastify'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { EvidenceStore, KeptEvidence, StoredEvidence } from '../store/evidence-store.ts'

/** Evidence of the client that asks; of another's it is not said that there is any. @throws EVIDENCE_NOT_FOUND */
export function ownEvidence(
  { evidence }: { evidence: EvidenceStore },
  { evidenceClient }: Pick<FastifyRequest, 'evidenceClient'>,
  credentialId: Serial,
): StoredEvidence {
  const found = evidence.find(credentialId)
  if (found === undefined || found.client !== evidenceClient)
    throw new CountersignError('EVIDENCE_NOT_FOUND', `this client has no evidence ${credentialId}`)
  return found
}

/** @throws EVIDENCE_ERASED also while it is being erased */
export function requireKept(evidence: StoredEvidence): KeptEvidence {
  if (evidence.state !== 'kept')
    throw new CountersignError('EVIDENCE_ERASED', `${evidence.credentialId} was erased`)
  return evidence
}
