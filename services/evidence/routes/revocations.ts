import { CountersignError } from '../../../protocol/errors.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import type { Routes } from './evidence-parts.ts'
import { ownEvidence } from './own-evidence.ts'
import { EvidenceParams, RevocationReply, RevocationRequest } from './schemas.ts'

export const revocationRoutes: Routes = (scope, parts) => {
  scope.post(
    '/v1/evidence/:credentialId/revocation',
    {
      schema: {
        tags: ['evidence'],
        summary: 'Revoke a credential for good; the reason is public on chain',
        security: [{ apiKey: [] }],
        params: EvidenceParams,
        body: RevocationRequest,
        response: { 200: RevocationReply, 202: RevocationReply },
      },
    },
    async (request, reply) => {
      requireApiKeyScope(request.evidenceKey, 'revoke')
      const { credentialId } = request.params
      const { reason } = request.body
      await parts.revocations.revoke(ownEvidence(parts, request, credentialId), reason)
      const evidence = ownEvidence(parts, request, credentialId)
      const state = parts.revocations.stateOf(evidence)
      if (state === 'conflict')
        throw new CountersignError(
          'CREDENTIAL_ALREADY_REVOKED',
          `the chain has a revocation of ${credentialId} for another reason`,
        )
      return reply
        .code(state === 'recorded' ? 200 : 202)
        .send({ credentialId, reason, revokedAt: new Date(evidence.revokedAt!).toISOString(), state })
    },
  )
}
