import type { Routes } from './office-parts.ts'
import { UploadsReply } from './schemas.ts'

export const uploadRoutes: Routes = (scope, { office, registry, tier, payments, writer }) => {
  scope.get(
    '/v1/uploads',
    {
      schema: {
        tags: ['payments'],
        summary: 'How far what was handed in has got',
        security: [{ apiKey: [] }],
        response: { 200: UploadsReply },
      },
    },
    () => {
      const { pending, submitted, recorded, conflict, isChainUsable } = writer.status()
      const count = payments.count()
      return {
        office,
        ...registry,
        tier,
        payments: count,
        queued: pending,
        sent: submitted,
        onChain: recorded,
        final: count - pending - submitted - recorded - conflict,
        conflict,
        isChainUsable,
      }
    },
  )
}
