import type { FastifyError } from 'fastify'
import { CountersignError, isCountersignError } from '../protocol/errors.ts'
import { Type } from './schema.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** RFC 9457 problem document, as every error is answered. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'A row of the error catalogue' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    action: Type.String({ description: 'What to do next' }),
    retryable: Type.Boolean(),
  },
  { $id: 'Problem', additionalProperties: true },
)

/** For the `response` of a route's schema. */
export const problemResponse = (description = 'Any other refusal, or a failure') => ({
  description,
  content: { [PROBLEM_MEDIA_TYPE]: { schema: Type.Ref('Problem') } },
})

/** Turns whatever was thrown while serving into an error of the catalogue. 4xx says what to change, 5xx hides internals. */
export function toCountersignError(error: unknown): CountersignError {
  if (isCountersignError(error)) return error
  const { validation, validationContext, statusCode, message } = error as FastifyError
  if (validation !== undefined) {
    const faults = validation.map(
      ({ instancePath, message, params }) =>
        `${validationContext}${instancePath} ${message}${unexpected(params)}`,
    )
    return new CountersignError('REQUEST_INVALID', faults.join('; '))
  }
  if (statusCode === 429) return new CountersignError('RATE_LIMITED', message)
  if (statusCode === 413) return new CountersignError('BODY_TOO_LARGE', message)
  if (statusCode === 415) return new CountersignError('MEDIA_TYPE_UNSUPPORTED', message)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new CountersignError('REQUEST_INVALID', 'the request is malformed')
  return new CountersignError('INTERNAL', 'the request could not be served', { cause: error })
}

const unexpected = (params: Record<string, unknown>): string =>
  typeof params.additionalProperty === 'string' ? ` (${params.additionalProperty})` : ''
