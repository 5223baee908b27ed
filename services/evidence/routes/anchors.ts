import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { Routes } from './evidence-parts.ts'
import { AnchorParams, AnchorReply } from './schemas.ts'

/** The manifests of anchored roots: open to everybody, as what other tiers put on chain is. */
export const anchorRoutes: Routes = (scope, { anchors }) => {
  scope.get(
    '/v1/anchors/:root',
    {
      schema: {
        tags: ['anchors'],
        summary: 'The leaves under a root that this server anchored: keys and digests, nothing else',
        params: AnchorParams,
        response: { 200: AnchorReply },
      },
    },
    (request) => {
      const root = request.params.root as Bytes32
      const leaves = anchors.leavesUnder(root)
      if (leaves.length === 0)
        throw new CountersignError('RECORD_UNKNOWN', 'this server anchored no such root')
      return { root, leafCount: leaves.length, leaves }
    },
  )
}
