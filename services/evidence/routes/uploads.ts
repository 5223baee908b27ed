import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply, FastifyRequest, LogLevel } from 'fastify'
import type { HttpServer } from '../../../http/server.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Serial } from '../../../protocol/serial.ts'
import { requireApiKeyScope } from '../../party/api-keys/api-key.ts'
import type { KeptCredential } from '../evidence-keeper.ts'
import { readIdempotencyKey } from '../idempotency-key.ts'
import type { Intake, Received } from '../intake/intake.ts'
import { receiveJson } from '../intake/receive-json.ts'
import { MULTIPART_OPTIONS, receiveMultipart } from '../intake/receive-multipart.ts'
import { type UploadClock, watchUpload } from '../intake/upload-clock.ts'
import type { EvidenceParts, Routes } from './evidence-parts.ts'
import { requireKept } from './own-evidence.ts'
import { EvidenceDocument, EvidenceForm, EvidenceReply, WaitQuery } from './schemas.ts'

/** So much of a refused upload is still thrown away, for so long, so that the refusal is read; then the connection ends. */
const LINGER_BYTES = 32 * 1024 * 1024
const LINGER_MS = 5_000

/** Takes evidence in. */
export const uploadRoutes: Routes = (outer, parts) => {
  outer.register(async (plugin) => {
    const scope = plugin as HttpServer
    await readUploads(scope, parts)
    scope.post(
      '/v1/evidence',
      {
        // The protocol checks evidence, more exactly than a schema.
        validatorCompiler: () => () => true,
        config: { takesTime: true },
        // The parser of forms would write the headers into the finest log, and the API key with them.
        logLevel: parts.logger.level === 'trace' ? 'debug' : (parts.logger.level as LogLevel),
        schema: {
          tags: ['evidence'],
          summary: 'Hand in a file or a JSON document; the answer is its credential',
          description:
            'What is answered is durable. Sent again under the same Idempotency-Key it is kept once, and the credential is the same.',
          security: [{ apiKey: [] }],
          querystring: WaitQuery,
          body: {
            content: {
              'multipart/form-data': { schema: EvidenceForm },
              'application/json': { schema: EvidenceDocument },
            },
          },
          response: { 201: EvidenceReply },
        },
      },
      (request, reply) => takeEvidence(request, reply, parts),
    )
  })
}

/** Forms come as streams, JSON as the bytes that were sent: a parser would forget of two members the first. */
async function readUploads(scope: HttpServer, { maxJsonBytes }: EvidenceParts): Promise<void> {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: maxJsonBytes },
    (_request, body, done) => done(null, body),
  )
  await (scope as unknown as FastifyInstance).register(multipart, MULTIPART_OPTIONS)
}

async function takeEvidence(request: FastifyRequest, reply: FastifyReply, parts: EvidenceParts) {
  requireApiKeyScope(request.evidenceKey, 'store')
  const { metrics, uploadTimes } = parts
  const isToWait = isWaiting(request)
  const clock = watchUpload(request.raw, uploadTimes)
  let kept: KeptCredential
  try {
    parts.waitingRoom.enter(request.evidenceClient)
    kept = await receiveAndKeep(request, clock, parts)
  } catch (error) {
    metrics.uploads.inc({ outcome: 'refused' })
    endUpload(request)
    throw error
  } finally {
    clock.stop()
  }
  // What fails from here on is the answer: the evidence is kept.
  metrics.uploads.inc({ outcome: kept.isRepeated ? 'repeated' : 'kept' })
  if (isToWait) await waitUntilRecorded(kept.credentialId, request.evidenceClient, reply, parts)
  return answer(kept.credentialId, reply, parts)
}

async function receiveAndKeep(
  request: FastifyRequest,
  clock: UploadClock,
  { keeper, quotas, staging, maxBytes, metrics, secrets, logger }: EvidenceParts,
): Promise<KeptCredential> {
  const { evidenceClient: client } = request
  const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
  const quota = quotas.open(client)
  try {
    const { staged, metadata } = await receive(request, { staging, maxBytes, quota, signal: clock.signal })
    clock.stop()
    metrics.bytes.inc(staged.size)
    try {
      const { contentHash, size } = staged
      const idempotent =
        idempotencyKey === undefined
          ? undefined
          : {
              client,
              keyHash: secrets.fingerprint({ idempotencyKey }),
              requestHash: secrets.fingerprint({ contentHash, metadata }),
            }
      const kept = await keeper.keep({ client, staged, metadata, idempotent, onKept: () => quota.kept() })
      logger.debug({ credentialId: kept.credentialId, bytes: size }, 'evidence kept')
      return kept
    } finally {
      // Moved away by now, if it was kept.
      await staged.discard().catch((err) => logger.warn({ err }, 'a staged file could not be removed'))
    }
  } finally {
    quota.close()
  }
}

function isWaiting(request: FastifyRequest): boolean {
  const { wait } = request.query as { wait?: unknown }
  if (wait !== undefined && wait !== 'recorded')
    throw new CountersignError('REQUEST_INVALID', 'querystring/wait is not recorded')
  return wait === 'recorded'
}

function receive(request: FastifyRequest, intake: Intake): Promise<Received> {
  if (request.body instanceof Uint8Array) return receiveJson(request.body, intake)
  if (request.isMultipart()) return receiveMultipart(request, intake)
  throw new CountersignError('MEDIA_TYPE_UNSUPPORTED', 'evidence is a form (multipart/form-data) or JSON')
}

/** Not at all when so many of the client's requests wait already. */
async function waitUntilRecorded(
  credentialId: Serial,
  client: number,
  reply: FastifyReply,
  { evidence, credentials, waits, waitMs }: EvidenceParts,
): Promise<void> {
  const leave = waits.take(client)
  if (leave === undefined) return
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  try {
    await credentials.whenFinal(evidence.find(credentialId)!, waitMs, gone.signal)
  } finally {
    leave()
  }
}

async function answer(
  credentialId: Serial,
  reply: FastifyReply,
  { evidence, credentials }: Pick<EvidenceParts, 'evidence' | 'credentials'>,
) {
  const current = await credentials.current(requireKept(evidence.find(credentialId)!))
  return reply
    .code(201)
    .header('location', `/v1/evidence/${credentialId}`)
    .send({ credentialId, ...current })
}

/** Throws away what still comes of an upload that is refused. */
function endUpload({ raw }: FastifyRequest): void {
  if (raw.complete) return
  let left = LINGER_BYTES
  raw.unpipe()
  raw.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) raw.socket.destroy()
  })
  raw.resume()
  const lingering = setTimeout(() => {
    if (!raw.complete) raw.socket.destroy()
  }, LINGER_MS)
  lingering.unref()
  raw.socket.once('close', () => clearTimeout(lingering))
}
