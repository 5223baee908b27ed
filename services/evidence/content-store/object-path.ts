import { CountersignError } from '../../../protocol/errors.ts'
import { type Bytes32, isBytes32 } from '../../../protocol/hex.ts'

/** Where a store of any kind keeps a content: `objects/<2 hex>/<62 hex>`. @throws HEX_MALFORMED */
export function objectPath(contentHash: Bytes32): string {
  if (!isBytes32(contentHash))
    throw new CountersignError('HEX_MALFORMED', 'a content hash is 32 bytes in lower case')
  return `objects/${contentHash.slice(2, 4)}/${contentHash.slice(4)}`
}

/** The file that holds a store's identity. */
export const IDENTITY_NAME = 'store-id'
const IDENTITY_PATTERN = /^[0-9a-f-]{36}$/

/** What that file says. @throws EVIDENCE_STORE_UNAVAILABLE when it is no identity, or there is none */
export function asIdentity(text: string | undefined): string {
  if (text !== undefined && IDENTITY_PATTERN.test(text)) return text
  const what = text === undefined ? 'has no identity' : 'has an identity that cannot be read'
  throw new CountersignError('EVIDENCE_STORE_UNAVAILABLE', `the content store ${what}`)
}
