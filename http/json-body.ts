import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { CountersignError } from '../protocol/errors.ts'

/** Reads JSON bodies. Bytes that are no UTF-8 are refused: replaced by U+FFFD, two different bodies would read the same. */
export function readJsonBodies(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error')
  server.removeContentTypeParser('application/json')
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer
    if (isUtf8(bytes)) parse(request, bytes.toString('utf8'), done)
    else done(new CountersignError('REQUEST_INVALID', 'the body is not UTF-8'))
  })
}
