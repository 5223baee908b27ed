import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { Routes } from './office-parts.ts'
import { AnchorParams, AnchorReply } from './schemas.ts'

/** The manifests of anchored roots: open to everybody, as what other tiers put on chain is. */
export const anchorRoutes: Routes = (scope, { anchors }) => {
  scope.get(
    '/v1/anchors/:root',
    {
      schema: {
        tags: ['anchors'],
        summary: 'The payments under a root that this office anchored',
        params: AnchorParams,
        response: { 200: AnchorReply },
      },
    },
    (request) => {
      const root = request.params.root as Bytes32
      const payments = anchors.paymentsUnder(root)
      if (payments.length === 0)
        throw new CountersignError('RECORD_UNKNOWN', 'this office anchored no such root')
      return { root, leafCount: payments.length, payments }
    },
  )
}
