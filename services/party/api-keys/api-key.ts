import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { CountersignError } from '../../../protocol/errors.ts'
import type { ApiKeyStore, StoredApiKey } from './api-key-store.ts'

const TOKEN = /^Bearer cs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/
const NO_HASH = Buffer.alloc(32)

/** Makes a key. The token is shown once; what is kept of its 256-bit secret is the SHA-256. */
export function createApiKey(): { id: string; token: string; secretHash: Buffer } {
  const id = randomBytes(8).toString('hex')
  const secret = randomBytes(32).toString('base64url')
  return { id, token: `cs_${id}_${secret}`, secretHash: hashOf(secret) }
}

/**
 * The key that an `Authorization: Bearer cs_<id>_<secret>` header names.
 * @throws API_KEY_MISSING; API_KEY_INVALID alike for a malformed, unknown, wrong or revoked key
 */
export function authenticateApiKey<Scope extends string>(
  authorization: string | undefined,
  keys: ApiKeyStore<Scope>,
): StoredApiKey<Scope> {
  if (authorization === undefined)
    throw new CountersignError('API_KEY_MISSING', 'header Authorization is missing')
  const [, id, secret] = TOKEN.exec(authorization) ?? []
  const key = id === undefined ? undefined : keys.find(id)
  // Compared also when there is no such key, so that the time says nothing about ids.
  const isRight = timingSafeEqual(hashOf(secret ?? ''), key?.secretHash ?? NO_HASH)
  if (key === undefined || !isRight || key.revokedAt !== null)
    throw new CountersignError('API_KEY_INVALID', 'the API key is not valid')
  return key
}

/** @throws SCOPE_MISSING */
export function requireApiKeyScope<Scope extends string>(key: StoredApiKey<Scope>, scope: Scope): void {
  if (!key.scopes.includes(scope))
    throw new CountersignError('SCOPE_MISSING', `this needs an API key with the scope ${scope}`)
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
