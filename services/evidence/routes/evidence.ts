import {
  CREDENTIAL_FILE_EXTENSION,
  CREDENTIAL_MEDIA_TYPE,
  serializeCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import type { EvidenceMetadata } from '../../../protocol/credentials/evidence-metadata.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import type { StoredEvidence } from '../store/evidence-store.ts'
import type { EvidenceParts, Routes } from './evidence-parts.ts'
import { ownEvidence, requireKept } from './own-evidence.ts'
import { EvidenceDescription, EvidenceList, EvidenceListQuery, EvidenceParams } from './schemas.ts'

const security = [{ apiKey: [] }]

/** What is kept of a client's evidence, and its credentials. */
export const evidenceRoutes: Routes = (scope, parts) => {
  scope.get(
    '/v1/evidence',
    {
      schema: {
        tags: ['evidence'],
        summary: 'What this client handed in, latest first',
        security,
        querystring: EvidenceListQuery,
        response: { 200: EvidenceList },
      },
    },
    (request) => {
      requireApiKeyScope(request.evidenceKey, 'read')
      const { cursor, limit } = request.query
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(cursor)
      const page = parts.evidence.page(request.evidenceClient, before, limit + 1)
      const shown = page.slice(0, limit)
      return {
        evidence: shown.map((evidence) => describe(evidence, parts)),
        nextCursor: page.length > limit ? cursorOf(shown.at(-1)!) : null,
      }
    },
  )

  scope.get(
    '/v1/evidence/:credentialId',
    {
      schema: {
        tags: ['evidence'],
        summary: 'What is kept of one: metadata, and how far it is',
        security,
        params: EvidenceParams,
        response: { 200: EvidenceDescription },
      },
    },
    (request) => {
      requireApiKeyScope(request.evidenceKey, 'read')
      return describe(ownEvidence(parts, request, request.params.credentialId), parts)
    },
  )

  scope.get(
    '/v1/evidence/:credentialId/credential',
    {
      schema: {
        tags: ['evidence'],
        summary: 'The credential as a file, with its receipt once it is on chain for good',
        security,
        params: EvidenceParams,
        response: {
          200: {
            description: 'The credential',
            content: { [CREDENTIAL_MEDIA_TYPE]: { schema: { type: 'string' } } },
          },
        },
      },
    },
    async (request, reply) => {
      requireApiKeyScope(request.evidenceKey, 'read')
      const evidence = requireKept(ownEvidence(parts, request, request.params.credentialId))
      const { credential } = await parts.credentials.current(evidence)
      const file = `${evidence.credentialId}${CREDENTIAL_FILE_EXTENSION}`
      void reply
        .header('content-disposition', `attachment; filename="${file}"`)
        .header('cache-control', 'private, no-store')
        .header('content-type', CREDENTIAL_MEDIA_TYPE)
      return reply.send(Buffer.from(serializeCredential(credential)) as never)
    },
  )
}

function describe(evidence: StoredEvidence, { credentials, revocations }: EvidenceParts) {
  const { credentialId, digest, issuedAt, revokedAt, revocationReason } = evidence
  const metadata = evidence.state === 'kept' ? (JSON.parse(evidence.metadata) as EvidenceMetadata) : undefined
  const { state, location } = credentials.recordingOf(evidence)
  return {
    credentialId,
    state,
    digest,
    issuedAt: isoTime(issuedAt),
    validUntil: metadata?.validUntil ?? null,
    ...(evidence.state === 'kept' && {
      contentHash: evidence.contentHash,
      size: evidence.size,
      metadata,
    }),
    ...location,
    ...(revokedAt !== null && {
      revocation: {
        reason: revocationReason!,
        revokedAt: isoTime(revokedAt),
        state: revocations.stateOf(evidence),
      },
    }),
    ...(evidence.erasedAt !== null && { erasedAt: isoTime(evidence.erasedAt) }),
    ...(evidence.checkedAt !== null && { checkedAt: isoTime(evidence.checkedAt) }),
    ...(evidence.lastVerdict !== null && { lastVerdict: evidence.lastVerdict }),
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString()

const cursorOf = ({ id }: StoredEvidence): string => Buffer.from(String(id)).toString('base64url')

function readCursor(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('latin1')
  if (!/^[1-9]\d{0,15}$/.test(text) || Buffer.from(text).toString('base64url') !== cursor)
    throw new CountersignError('CURSOR_INVALID', 'not a cursor of this list')
  return Number(text)
}
