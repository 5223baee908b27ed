import { Readable } from 'node:stream'
import { canonicalBytes, type Json } from '../../../protocol/canonical-json.ts'
import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import type { Intake, Received } from './intake.ts'
import { readMetadataDraft, wholeMetadata } from './metadata-draft.ts'
import { readJson } from './read-json.ts'

const MEDIA_TYPE = 'application/json'

/**
 * Receives `{ content, metadata? }`: the content is kept as the bytes of its canonical form (RFC 8785).
 * @param body as it was sent
 * @throws JSON_MALFORMED, JSON_NOT_CANONICALISABLE, REQUEST_INVALID, and what staging throws
 */
export async function receiveJson(body: Uint8Array, intake: Intake): Promise<Received> {
  const { staging, maxBytes, quota } = intake
  const value = readJson(body)
  if (!isObject(value) || !Object.hasOwn(value, 'content'))
    throw new CountersignError('REQUEST_INVALID', 'the body is no object with a member content')
  const { content, metadata = {}, ...others } = value
  if (Object.keys(others).length > 0)
    throw new CountersignError('REQUEST_INVALID', 'the body has members beside content and metadata')
  const draft = readMetadataDraft(metadata)
  if (draft.mediaType !== undefined && draft.mediaType !== MEDIA_TYPE)
    throw new CountersignError('EVIDENCE_METADATA_INVALID', `mediaType is not ${MEDIA_TYPE}`, {
      details: { member: 'mediaType' },
    })
  const bytes = contentBytes(content!)
  const whole = wholeMetadata({ ...draft, mediaType: MEDIA_TYPE }, bytes.length)
  quota.add(bytes.length)
  const staged = await staging.receive(Readable.from([bytes]), {
    maxBytes,
    ...(draft.size !== undefined && { expectedBytes: draft.size }),
  })
  return { staged, metadata: whole }
}

/** The writer's own error names a path, and so members that are the client's. */
function contentBytes(content: Json): Buffer {
  try {
    return Buffer.from(canonicalBytes(content))
  } catch (error) {
    if (!isCountersignError(error, 'JSON_NOT_CANONICALISABLE')) throw error
    const what = error.message.slice(`${error.details.path} is `.length)
    throw new CountersignError('JSON_NOT_CANONICALISABLE', `the content has ${what}`)
  }
}

const isObject = (value: Json): value is { [member: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
