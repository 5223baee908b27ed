import { canonicalBytes, canonicalJson, type Json, parseJson } from './canonical-json.ts'
import { CountersignError } from './errors.ts'
import { type Bytes32, keccak256Hex } from './hex.ts'

/** Larger than any proof of ours, small enough to read at once. */
export const MAX_PROOF_FILE_BYTES = 16 * 1024 * 1024

/** Adds `integrity`: keccak256 of the canonical form of everything else in the file. */
export const withIntegrity = <Content extends object>(
  content: Content,
): Content & { integrity: Bytes32 } => ({
  ...content,
  integrity: keccak256Hex(canonicalBytes(content)),
})

/** The one byte form a proof file has: canonical JSON (RFC 8785) and a line end. */
export const serializeProofFile = (file: object): string => `${canonicalJson(file)}\n`

/**
 * Reads a proof file and refuses every other byte form of it: there is one way to write each file, so any changed byte shows.
 * The last line end may be missing.
 * @throws PROOF_FILE_MALFORMED (not UTF-8, not JSON, too large), PROOF_FILE_ALTERED (not canonical, or `integrity` does not fit)
 */
export function parseProofFile(bytes: Uint8Array | string): Record<string, Json> {
  const text = typeof bytes === 'string' ? bytes : decodeUtf8(bytes)
  const file = parseObject(text)
  if (canonicalOrAltered(file) !== (text.endsWith('\n') ? text.slice(0, -1) : text))
    throw new CountersignError(
      'PROOF_FILE_ALTERED',
      'the bytes are not the canonical form (RFC 8785) of what they say',
    )
  const { integrity, ...content } = file
  const computed = keccak256Hex(canonicalBytes(content))
  if (integrity !== computed)
    throw new CountersignError(
      'PROOF_FILE_ALTERED',
      `the content hashes to ${computed}, the file says otherwise`,
    )
  return file
}

function parseObject(text: string): Record<string, Json> {
  if (text.length > MAX_PROOF_FILE_BYTES)
    throw new CountersignError('PROOF_FILE_MALFORMED', `larger than ${MAX_PROOF_FILE_BYTES} bytes`)
  let value: Json
  try {
    value = parseJson(text)
  } catch (cause) {
    throw new CountersignError('PROOF_FILE_MALFORMED', 'not well-formed JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CountersignError('PROOF_FILE_MALFORMED', 'not a JSON object')
  return value
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new CountersignError('PROOF_FILE_MALFORMED', 'not UTF-8 text', { cause })
  }
}

function canonicalOrAltered(file: Json): string {
  try {
    return canonicalJson(file)
  } catch (cause) {
    throw new CountersignError('PROOF_FILE_ALTERED', `no canonical form: ${(cause as Error).message}`, {
      cause,
    })
  }
}
