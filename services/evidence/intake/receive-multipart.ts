import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import { BodyTooLong, readBoundedBody } from '../../party/bounded-body.ts'
import type { StagedContent } from '../content-store/staging.ts'
import { metered } from './content-meter.ts'
import type { Intake, Received } from './intake.ts'
import { type MetadataDraft, readMetadataDraft, wholeMetadata } from './metadata-draft.ts'
import { readJson } from './read-json.ts'

/** Of the part `metadata`, as it is written; its canonical form has a limit of its own. */
const MAX_METADATA_TEXT_BYTES = 64 * 1024
/** Boundaries, headers and the part `metadata`. */
const MAX_FRAMING_BYTES = 128 * 1024
const MAX_PARTS = 2
const PLAIN_ENCODINGS = new Set(['7bit', '8bit', 'binary'])

/** For `@fastify/multipart`: every part comes as a stream, as it is; the paths that some clients send are seen, not cut off. */
export const MULTIPART_OPTIONS = {
  limits: { parts: MAX_PARTS + 1, headerPairs: 32, fileSize: Number.POSITIVE_INFINITY },
  preservePath: true,
  isPartAFile: () => true,
  throwFileSizeLimit: false,
}

/**
 * Receives `multipart/form-data`: a part `metadata` (JSON, optional), then a part `file`, streamed to the staging folder.
 * @throws EVIDENCE_INCOMPLETE, EVIDENCE_TOO_LARGE, EVIDENCE_METADATA_INVALID, EVIDENCE_QUOTA_EXCEEDED, REQUEST_INVALID,
 * REQUEST_TIMED_OUT, JSON_MALFORMED, JSON_NOT_CANONICALISABLE, EVIDENCE_STORE_FULL, EVIDENCE_STORE_UNAVAILABLE
 */
export async function receiveMultipart(request: FastifyRequest, intake: Intake): Promise<Received> {
  refuseAnnounced(request, intake)
  const parts = request.parts()[Symbol.asyncIterator]()
  let draft: MetadataDraft | undefined
  let received: Received | undefined
  try {
    for (;;) {
      const part = await nextPart(parts, intake.signal)
      if (part === undefined) break
      if (received !== undefined) throw malformed('nothing may come after the part file')
      if (part.fieldname === 'metadata' && draft === undefined) draft = await readDraft(part, intake.signal)
      else if (part.fieldname === 'file') received = await receiveFile(part, draft ?? {}, intake)
      else throw malformed('its parts are metadata, at most once, and then file')
    }
    if (received === undefined) throw malformed('it has no part named file')
    return received
  } catch (error) {
    await received?.staged.discard()
    throw intake.signal.aborted ? intake.signal.reason : asIntakeError(error)
  }
}

/** Before a byte of it is read. */
function refuseAnnounced({ headers }: FastifyRequest, { maxBytes, quota }: Intake): void {
  const announced = Number(headers['content-length'] ?? 0) - MAX_FRAMING_BYTES
  if (announced > maxBytes)
    throw new CountersignError('EVIDENCE_TOO_LARGE', `the content has more than ${maxBytes} bytes`, {
      details: { maxBytes },
    })
  quota.expect(announced)
}

async function nextPart(
  parts: AsyncIterator<Multipart>,
  signal: AbortSignal,
): Promise<MultipartFile | undefined> {
  const next = parts.next()
  // It may fail after nobody waits for it any more.
  next.catch(() => {})
  const { value, done } = await untilAborted(next, signal)
  return done ? undefined : (value as MultipartFile)
}

async function readDraft({ file }: MultipartFile, signal: AbortSignal): Promise<MetadataDraft> {
  try {
    return readMetadataDraft(
      readJson(
        await readBoundedBody(
          metered(file, () => {}, signal),
          MAX_METADATA_TEXT_BYTES,
        ),
      ),
    )
  } catch (error) {
    if (!(error instanceof BodyTooLong)) throw error
    throw new CountersignError('EVIDENCE_METADATA_INVALID', `metadata is ${error.message}`)
  }
}

async function receiveFile(part: MultipartFile, draft: MetadataDraft, intake: Intake): Promise<Received> {
  const { staging, maxBytes, quota, signal } = intake
  if (!part.filename) throw malformed('the part file has no file name')
  if (!PLAIN_ENCODINGS.has(part.encoding.toLowerCase()))
    throw malformed('the part file has a transfer encoding')
  const named = { name: part.filename, mediaType: part.mimetype, ...draft }
  // Decided once, before gigabytes are received for nothing: no size that comes has more digits.
  const metadata = wholeMetadata(named, draft.size ?? maxBytes)
  const content = metered(part.file, (bytes) => quota.add(bytes), signal)
  const staged: StagedContent = await staging.receive(content, {
    maxBytes,
    ...(draft.size !== undefined && { expectedBytes: draft.size }),
  })
  return { staged, metadata: { ...metadata, size: staged.size } }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

const malformed = (reason: string): CountersignError =>
  new CountersignError('REQUEST_INVALID', `the form is not as expected: ${reason}`)

/** The parser of forms has no codes for what can be wrong with one. Its messages say nothing of the content. */
function asIntakeError(error: unknown): unknown {
  // What ended the stream of a content is the reason why that content is not whole.
  if (isCountersignError(error, 'EVIDENCE_INCOMPLETE') && isCountersignError(error.cause)) return error.cause
  if (isCountersignError(error)) return error
  const { message = '', code } = error as { message?: string; code?: string }
  if (/boundary not found/i.test(message)) return malformed('its boundary is missing')
  if (code === 'FST_PARTS_LIMIT') return malformed('it has more parts than metadata and file')
  if (/unexpected end|terminated early|premature|closed before|aborted/i.test(message))
    return new CountersignError('EVIDENCE_INCOMPLETE', 'the form broke off', { cause: error })
  return /multipart|prototype|dicer|header/i.test(message) ? malformed('it cannot be read') : error
}
