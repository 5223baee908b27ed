import { Type } from '../../../http/schema.ts'
import { BYTES32_PATTERN } from '../../../protocol/hex.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import type { Routes } from './evidence-parts.ts'
import { ownEvidence } from './own-evidence.ts'
import { EvidenceParams } from './schemas.ts'

const ErasureReply = Type.Object({
  ...EvidenceParams.properties,
  state: Type.Enum(['erased']),
  digest: Type.String({ pattern: BYTES32_PATTERN, description: 'Stays, here and on chain' }),
  erasedAt: Type.String({ description: 'ISO 8601' }),
})

export const erasureRoutes: Routes = (scope, parts) => {
  scope.post(
    '/v1/evidence/:credentialId/erasure',
    {
      schema: {
        tags: ['evidence'],
        summary: 'Destroy what is kept, for good',
        description:
          'Content, metadata, content hash, salt share and credential are destroyed; the digest stays and says nothing without them. A ' +
          'content that was handed in more than once stays until the last of them is erased. Once it has begun it cannot be called off: ' +
          'when the store cannot be used it is finished later. Again, it answers the same.',
        security: [{ apiKey: [] }],
        params: EvidenceParams,
        response: { 200: ErasureReply },
      },
    },
    async (request) => {
      requireApiKeyScope(request.evidenceKey, 'revoke')
      const { credentialId } = ownEvidence(parts, request, request.params.credentialId)
      const { digest, erasedAt } = await parts.upkeep.eraser.erase(credentialId)
      return { credentialId, state: 'erased' as const, digest, erasedAt: new Date(erasedAt!).toISOString() }
    },
  )
}
