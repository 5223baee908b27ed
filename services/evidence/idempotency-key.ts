import { CountersignError } from '../../protocol/errors.ts'

const KEY = /^[\x20-\x7e]{1,255}$/

/** The header `Idempotency-Key`; undefined without one. @throws IDEMPOTENCY_KEY_MALFORMED */
export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header !== 'string' || !KEY.test(header))
    throw new CountersignError(
      'IDEMPOTENCY_KEY_MALFORMED',
      'the Idempotency-Key is not 1 to 255 printable ASCII characters',
    )
  return header
}
