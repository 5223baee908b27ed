import type { Routes } from './evidence-parts.ts'
import { UsageReply } from './schemas.ts'

export const usageRoutes: Routes = (scope, { clients, quotas, key, registry, tier, maxBytes }) => {
  scope.get(
    '/v1/usage',
    {
      schema: {
        tags: ['evidence'],
        summary: 'What this client keeps, and may keep',
        security: [{ apiKey: [] }],
        response: { 200: UsageReply },
      },
    },
    (request) => {
      const { bytes, documents } = clients.get(request.evidenceClient)
      return {
        issuer: key.address,
        ...registry,
        tier,
        bytes,
        documents,
        documentsToday: quotas.handedInToday(request.evidenceClient),
        maxBytes: quotas.limits.bytes,
        maxDocuments: quotas.limits.documents,
        maxDocumentsADay: quotas.limits.documentsADay,
        maxDocumentBytes: maxBytes,
      }
    },
  )
}
