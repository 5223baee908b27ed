import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { AnchorStore } from '../store/anchor-store.ts'
import type { Routes } from './evidence-parts.ts'
import { AnchorParams, AnchorReply } from './schemas.ts'

/** Manifests kept as they are sent: whoever looks into a batch, others do too. */
const MAX_MANIFESTS = 4
const FOR_EVER = 'public, max-age=31536000, immutable'

/** The manifests of anchored roots: open to everybody, as what other tiers put on chain is. */
export const anchorRoutes: Routes = (scope, { anchors }) => {
  const manifests = new Manifests(anchors)

  scope.get(
    '/v1/anchors/:root',
    {
      schema: {
        tags: ['anchors'],
        summary: 'The leaves under a root that this server anchored: keys and digests, nothing else',
        params: AnchorParams,
        response: { 200: AnchorReply, 304: { type: 'null', description: 'The manifest is known there' } },
      },
    },
    async (request, reply) => {
      const root = request.params.root as Bytes32
      const manifest = manifests.of(root)
      if (manifest === undefined)
        throw new CountersignError('RECORD_UNKNOWN', 'this server anchored no such root')
      const etag = `"${root}"`
      void reply.header('etag', etag).header('cache-control', FOR_EVER)
      if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send(null)
      return reply.type('application/json').send(manifest as never)
    },
  )
}

/** A root stands for its leaves: under one that is known nothing ever changes. */
class Manifests {
  readonly #anchors: AnchorStore
  readonly #latest = new Map<Bytes32, Buffer>()

  constructor(anchors: AnchorStore) {
    this.#anchors = anchors
  }

  /** Undefined for a root that this server has not anchored. */
  of(root: Bytes32): Buffer | undefined {
    let manifest = this.#latest.get(root)
    if (manifest === undefined) {
      const leaves = this.#anchors.leavesUnder(root)
      if (leaves.length === 0) return undefined
      manifest = Buffer.from(JSON.stringify({ root, leafCount: leaves.length, leaves }))
    } else this.#latest.delete(root)
    this.#latest.set(root, manifest)
    if (this.#latest.size > MAX_MANIFESTS) this.#latest.delete(this.#latest.keys().next().value!)
    return manifest
  }
}
