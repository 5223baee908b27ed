import { pipeline } from 'node:stream/promises'
import type { EvidenceMetadata } from '../../../protocol/credentials/evidence-metadata.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { hexToBytes } from '../../../protocol/hex.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import { checkedContent } from '../checked-content.ts'
import type { Routes } from './evidence-parts.ts'
import { ownEvidence, requireKept } from './own-evidence.ts'
import { EvidenceParams } from './schemas.ts'

/** Gives contents back. */
export const contentRoutes: Routes = (scope, parts) => {
  scope.get(
    '/v1/evidence/:credentialId/content',
    {
      schema: {
        tags: ['evidence'],
        summary: 'The content as it was handed in',
        description:
          'It is hashed on the way: where the hash is another one than that of the credential, the answer breaks off before its end.',
        security: [{ apiKey: [] }],
        params: EvidenceParams,
        response: {
          200: {
            description: 'The content',
            content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
          },
        },
      },
    },
    async (request, reply) => {
      requireApiKeyScope(request.evidenceKey, 'read')
      const evidence = requireKept(ownEvidence(parts, request, request.params.credentialId))
      const { credentialId, contentHash } = evidence
      const leave = parts.downloads.take(request.evidenceClient)
      if (leave === undefined)
        throw new CountersignError('RATE_LIMITED', 'this client reads as many contents at once as it may')
      const gone = new AbortController()
      const end = () => {
        leave()
        gone.abort()
      }
      if (reply.raw.closed) end()
      else reply.raw.once('close', end)
      const stored = await parts.contents.open(contentHash, gone.signal)
      if (stored === undefined)
        throw new CountersignError('EVIDENCE_LOST', `the content of ${credentialId} is not in the store`)
      const { name, mediaType } = JSON.parse(evidence.metadata) as EvidenceMetadata
      const checked = checkedContent(contentHash, credentialId)
      pipeline(stored, checked).catch((error) => {
        if (!gone.signal.aborted)
          parts.logger.error(
            { credentialId, code: (error as { code?: unknown }).code },
            'a content broke off while it was given back',
          )
      })
      void reply
        .header('content-type', mediaType)
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', 'sandbox')
        .header('cache-control', 'private, no-store')
        .header('content-disposition', dispositionOf(name ?? credentialId))
        .header('repr-digest', `sha-256=:${Buffer.from(hexToBytes(contentHash, 32)).toString('base64')}:`)
      return reply.send(checked as never)
    },
  )
}

/** RFC 6266 with the name as RFC 8187 writes it. */
const dispositionOf = (name: string): string =>
  `attachment; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)}`
