import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { CountersignError } from '../../protocol/errors.ts'
import type { ApiKeyStore, Scope } from './store/api-key-store.ts'

/** Who sent a request. */
export interface Caller {
  /** Id of the API key. */
  id: string
  scopes: readonly Scope[]
}

const TOKEN = /^Bearer cs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/
const NO_HASH = Buffer.alloc(32)

/** Makes a key. The token is shown once; what is kept of its 256-bit secret is the SHA-256. */
export function createApiKey(): { id: string; token: string; secretHash: Buffer } {
  const id = randomBytes(8).toString('hex')
  const secret = randomBytes(32).toString('base64url')
  return { id, token: `cs_${id}_${secret}`, secretHash: hashOf(secret) }
}

/**
 * The caller that an `Authorization: Bearer cs_<id>_<secret>` header names.
 * @throws API_KEY_MISSING; API_KEY_INVALID alike for a malformed, unknown, wrong or revoked key
 */
export function authenticate(authorization: string | undefined, keys: ApiKeyStore): Caller {
  if (authorization === undefined)
    throw new CountersignError('API_KEY_MISSING', 'header Authorization is missing')
  const [, id, secret] = TOKEN.exec(authorization) ?? []
  const key = id === undefined ? undefined : keys.find(id)
  // Compared also when there is no such key, so that the time says nothing about ids.
  const isRight = timingSafeEqual(hashOf(secret ?? ''), key?.secretHash ?? NO_HASH)
  if (key === undefined || !isRight || key.revokedAt !== null)
    throw new CountersignError('API_KEY_INVALID', 'the API key is not valid')
  return { id: key.id, scopes: key.scopes }
}

/** True when the caller has one of the scopes; `admin` has them all. */
export const hasScope = ({ scopes }: Caller, ...wanted: Scope[]): boolean =>
  scopes.includes('admin') || wanted.some((scope) => scopes.includes(scope))

/** @throws SCOPE_MISSING */
export function requireScope(caller: Caller, ...wanted: Scope[]): void {
  if (!hasScope(caller, ...wanted))
    throw new CountersignError('SCOPE_MISSING', `this needs an API key with the scope ${wanted.join(' or ')}`)
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
