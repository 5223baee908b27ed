import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { CountersignError } from '../../protocol/errors.ts'
import type { Address } from '../../protocol/hex.ts'
import type { Role } from '../../protocol/roles.ts'
import { type RequestSender, verifyRequest } from '../../protocol/signed-request.ts'
import type { NonceStore } from './nonce-store.ts'

export interface PartyAuthentication {
  /** Who is active in which role. */
  directory: { isActive(address: Address, role: Role): boolean | Promise<boolean> }
  /** The role that the sender has to have. */
  role: Role
  /** The recipient that requests have to name. */
  self: Address
  nonces: NonceStore
  /** Unix seconds. */
  now?: () => number
}

export interface PartyRequest {
  sender: Address
  /** Resolves when the request's nonce is on disk. */
  nonceKept: Promise<void>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as received, byte for byte. */
    rawBody: Buffer | undefined
    /** Who signed the request; undefined on routes that take unsigned ones. */
    party: PartyRequest | undefined
  }
}

const NO_BODY = Buffer.alloc(0)

/**
 * Makes every route registered on `scope` take signed requests only: signature over the raw bytes, expiry, recipient, the sender's role
 * in the directory, and a nonce not seen before, in this order, all before the body is looked at. No reply leaves before
 * the nonce is on disk.
 */
export function authenticateParty(scope: FastifyInstance, authentication: PartyAuthentication): void {
  keepRawBody(scope)
  scope.decorateRequest('party', undefined)
  scope.addHook('preValidation', async (request) => {
    request.party = await identify(request, authentication)
  })
  scope.addHook('onSend', async (request) => {
    const { party } = request
    // A nonce that cannot be kept is answered by an error, which comes by here again.
    request.party = undefined
    await party?.nonceKept
  })
}

async function identify(
  request: FastifyRequest,
  { directory, role, self, nonces, now }: PartyAuthentication,
): Promise<PartyRequest> {
  const verified: RequestSender = verifyRequest({
    method: request.method,
    path: request.raw.url!,
    body: request.rawBody ?? NO_BODY,
    headers: request.headers,
    recipient: self,
    now: now?.() ?? Math.floor(Date.now() / 1000),
  })
  if (!(await directory.isActive(verified.sender, role)))
    throw new CountersignError(
      'REQUEST_SENDER_UNKNOWN',
      `${verified.sender} is not active in the directory as ${role}`,
    )
  const nonceKept = nonces.take(verified)
  // It is awaited before the reply; until then a failure must not end the process.
  nonceKept.catch(() => {})
  return { sender: verified.sender, nonceKept }
}

/** A signature is over bytes, and parsing does not give them back. */
function keepRawBody(scope: FastifyInstance): void {
  const parseJson = scope.getDefaultJsonParser('error', 'error')
  scope.decorateRequest('rawBody', undefined)
  scope.removeContentTypeParser('application/json')
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer
    request.rawBody = bytes
    // As of every server: replaced by U+FFFD, two bodies with two signatures would read the same.
    if (isUtf8(bytes)) parseJson(request, bytes.toString('utf8'), done)
    else done(new CountersignError('REQUEST_INVALID', 'the body is not UTF-8'))
  })
}
