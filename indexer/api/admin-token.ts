import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CountersignError } from '../../protocol/errors.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * For `preParsing`: before a body is read, but after the limit of the rate, which wrong tokens count towards too. Without a token there are no such routes.
 * @throws ROUTE_UNKNOWN, ADMIN_TOKEN_INVALID
 */
export function adminOnly(token: string | undefined) {
  const expected = token === undefined ? undefined : digest(token)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (expected === undefined)
      throw new CountersignError('ROUTE_UNKNOWN', `there is no ${request.method} route at this path`)
    const { authorization = '' } = request.headers
    const given = /^bearer /i.test(authorization) ? authorization.slice(7).trim() : undefined
    // Digests are of one length, and say nothing of how much of the token was right.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return
    reply.header('www-authenticate', 'Bearer')
    throw new CountersignError('ADMIN_TOKEN_INVALID', 'the request has no valid admin token')
  }
}
