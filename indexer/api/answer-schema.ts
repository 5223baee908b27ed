import { type TSchema, Type } from '../../http/schema.ts'

const CACHE_CONTROL = {
  type: 'string',
  description: 'How long the answer may be kept',
  examples: ['no-cache'],
} as const
const ETAG = {
  type: 'string',
  description:
    'Names the state of the index that the answer is made of: blocks, finality, completeness and everything stored. Absent while a chain is not complete.',
  examples: ['W/"q3VZx0nQ7gk2rJb1mYpX9A"'],
} as const

/** Of a request for such an answer. */
export const TaggedHeaders = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({
      description: 'ETags of answers at hand',
      examples: ['W/"q3VZx0nQ7gk2rJb1mYpX9A"'],
    }),
  ),
})

/** A 200 that is the same as long as the index stands where it does, and says so by its ETag; and its 304. */
export const taggedAnswer = <Schema extends TSchema>(description: string, schema: Schema) =>
  ({
    200: {
      description: `${description} With If-None-Match, 304 without a body while nothing has changed.`,
      headers: { ETag: ETAG, 'Cache-Control': CACHE_CONTROL },
      content: { 'application/json': { schema } },
    },
    304: {
      description: 'The answer with the ETag of If-None-Match is still the answer',
      type: 'null',
      headers: { ETag: ETAG, 'Cache-Control': CACHE_CONTROL },
    },
  }) as const

/** A 200 that stands for the moment alone. */
export const answer = <Schema extends TSchema>(description: string, schema: Schema) =>
  ({ 200: { description, content: { 'application/json': { schema } } } }) as const
