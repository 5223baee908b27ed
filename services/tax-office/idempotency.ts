import { CountersignError } from '../../protocol/errors.ts'
import type { OfficeSecrets } from './office-secrets.ts'
import type { IdempotencyStore, IdempotentRequest } from './store/idempotency-store.ts'

const KEY = /^[\x20-\x7e]{1,255}$/

/**
 * The request under its `Idempotency-Key`, to be kept together with what it does; undefined without the header. A payment is known again
 * by its own content, so the key adds one thing: that it is not used for another request.
 * @throws IDEMPOTENCY_KEY_MALFORMED, IDEMPOTENCY_KEY_REUSED
 */
export function readIdempotencyKey(
  header: string | string[] | undefined,
  apiKey: string,
  body: unknown,
  { secrets, store }: { secrets: OfficeSecrets; store: IdempotencyStore },
): IdempotentRequest | undefined {
  if (header === undefined) return undefined
  if (typeof header !== 'string' || !KEY.test(header))
    throw new CountersignError(
      'IDEMPOTENCY_KEY_MALFORMED',
      'the Idempotency-Key is not 1 to 255 printable ASCII characters',
    )
  const request = {
    apiKey,
    keyHash: secrets.fingerprint({ idempotencyKey: header }),
    requestHash: secrets.fingerprint({ body }),
  }
  requireFree(request, store)
  return request
}

/** Keeps a request under its key, in the transaction of what it does: another one may have come meanwhile. @throws IDEMPOTENCY_KEY_REUSED */
export function keepIdempotencyKey(request: IdempotentRequest, store: IdempotencyStore): void {
  requireFree(request, store)
  store.insert(request, Date.now())
}

function requireFree(request: IdempotentRequest, store: IdempotencyStore): void {
  if (store.isTaken(request, Date.now()))
    throw new CountersignError(
      'IDEMPOTENCY_KEY_REUSED',
      'another request was sent with this key within 24 hours',
    )
}
