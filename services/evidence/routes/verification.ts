import { Type } from '../../../http/schema.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import { readPresentedCredential } from '../verification/presented-credential.ts'
import type { Routes } from './evidence-parts.ts'
import { ownEvidence } from './own-evidence.ts'
import { EvidenceParams } from './schemas.ts'

/** Of the slowest reading of the largest content, its turn waited for included. */
const DEADLINE_MS = 60 * 60 * 1000
/**
 * A receipt has all events of its transaction, in hex: of the largest, by gas (2^24) as by size (128 KiB), some 300 KiB. What is
 * presented is read at a stretch, in which nobody else is served.
 */
const MAX_REQUEST_BYTES = 1024 * 1024

const VerificationRequest = Type.Object(
  {
    credential: Type.Object(
      {},
      {
        additionalProperties: true,
        description: 'The credential as it was answered, with or without its receipt',
      },
    ),
  },
  { additionalProperties: false },
)
const VerificationReply = Type.Object({
  statement: Type.Any({
    description: 'A signed evidence statement; as a file it is its canonical form and a line end',
  }),
})

export const verificationRoutes: Routes = (scope, parts) => {
  const { key, registry, upkeep } = parts
  // A shutdown does not wait until large contents are read.
  const closing = new AbortController()
  scope.addHook('preClose', (done) => {
    closing.abort()
    done()
  })

  scope.post(
    '/v1/evidence/:credentialId/verify',
    {
      bodyLimit: MAX_REQUEST_BYTES,
      schema: {
        tags: ['evidence'],
        summary: 'Whether the evidence still is what was handed in',
        description:
          'The content is read and hashed anew, as is the metadata, and held against the credential presented and against the chain at ' +
          'one block. Verdicts: intact, tampered, missing, revoked, expired, unconfirmed, erased. A store or a chain that cannot be asked ' +
          'is an error and no verdict.',
        security: [{ apiKey: [] }],
        params: EvidenceParams,
        body: VerificationRequest,
        response: {
          200: {
            description: 'The statement',
            content: { 'application/json': { schema: VerificationReply } },
          },
        },
      },
    },
    async (request, reply) => {
      requireApiKeyScope(request.evidenceKey, 'verify')
      const { credentialId } = request.params
      ownEvidence(parts, request, credentialId)
      // Nothing is sent until all is read: that is no silence to end the connection for.
      request.raw.socket.setTimeout(DEADLINE_MS)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const deadline = AbortSignal.timeout(DEADLINE_MS)
      const signal = AbortSignal.any([gone.signal, deadline, closing.signal])
      const statement = await upkeep.limiter
        .run(request.evidenceClient, signal, async () => {
          const signed = await readPresentedCredential(request.body.credential, {
            ...registry,
            issuer: key.address,
            credentialId,
          })
          return upkeep.verifier.verify(ownEvidence(parts, request, credentialId), signed, { signal })
        })
        .catch((error) => {
          if (!signal.aborted) throw error
          if (gone.signal.aborted)
            throw new CountersignError('REQUEST_INVALID', 'its sender did not wait for the answer')
          if (closing.signal.aborted) throw new CountersignError('NOT_READY', 'the server is shutting down')
          throw new CountersignError('EVIDENCE_STORE_UNAVAILABLE', 'the content was not read in time')
        })
      // The statement as it was signed; a serializer of ours would have to know each member.
      return reply.type('application/json').send(Buffer.from(`{"statement":${statement.trimEnd()}}`) as never)
    },
  )
}
