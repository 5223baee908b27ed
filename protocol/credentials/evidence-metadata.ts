import { canonicalJson, type Json } from '../canonical-json.ts'
import { CountersignError } from '../errors.ts'
import { type Bytes32, keccak256Hex, utf8ToBytes } from '../hex.ts'
import { secondsOfUtcTime } from '../utc-time.ts'

/** What is known of a piece of evidence beside its bytes. Part of its digest. */
export interface EvidenceMetadata {
  /** A file name, as the client calls the evidence: 1 to 255 bytes of UTF-8, no path. */
  name?: string
  /** `type/subtype`, up to 127 characters, without parameters. */
  mediaType: string
  /** Bytes of the content. */
  size: number
  /** `YYYY-MM-DDTHH:MM:SSZ`: when the credential ceases to be valid. */
  validUntil?: string
  /** Anything else that the client says of it. */
  fields?: { [member: string]: Json }
}

/** Of the metadata's canonical form. */
export const MAX_METADATA_BYTES = 16 * 1024
export const MAX_NAME_BYTES = 255
/** As a regular expression for schemas; RFC 6838, section 4.2, without parameters. */
export const MEDIA_TYPE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$'
export const MAX_MEDIA_TYPE_CHARACTERS = 127
const MEDIA_TYPE = new RegExp(MEDIA_TYPE_PATTERN)
// Beyond control characters, those that turn the direction of what follows: they make `gpj.exe` read `exe.jpg`.
const NOT_IN_NAME = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069/\\]/u
/** The credential around the metadata, and a statement around that, nest deeper: both stay canonicalisable. */
const MAX_DEPTH = 32

const FAULT_OF: Record<keyof EvidenceMetadata, (value: unknown) => string | undefined> = {
  name: faultOfName,
  mediaType: (value) =>
    typeof value === 'string' && value.length <= MAX_MEDIA_TYPE_CHARACTERS && MEDIA_TYPE.test(value)
      ? undefined
      : `is not a type/subtype of up to ${MAX_MEDIA_TYPE_CHARACTERS} characters`,
  size: (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'is not a number of bytes',
  validUntil: (value) =>
    secondsOfUtcTime(value) === undefined ? 'is not a time of the form YYYY-MM-DDTHH:MM:SSZ' : undefined,
  fields: (value) => (isObject(value) ? undefined : 'is not a JSON object'),
}
const REQUIRED: readonly (keyof EvidenceMetadata)[] = ['mediaType', 'size']

/**
 * Checks metadata that came from outside; what does not fit is refused, never rewritten.
 * @throws EVIDENCE_METADATA_INVALID naming the member, never its content
 */
export function checkEvidenceMetadata(value: unknown): EvidenceMetadata {
  if (!isObject(value)) throw metadataInvalid('metadata', 'is not a JSON object')
  for (const name of Object.keys(value))
    if (!Object.hasOwn(FAULT_OF, name)) throw metadataInvalid('metadata', 'has a member that is not known')
  for (const [name, faultOf] of Object.entries(FAULT_OF)) {
    if (!Object.hasOwn(value, name)) {
      if (REQUIRED.includes(name as keyof EvidenceMetadata)) throw metadataInvalid(name, 'is missing')
      continue
    }
    const fault = faultOf(value[name])
    if (fault !== undefined) throw metadataInvalid(name, fault)
  }
  if (utf8ToBytes(canonicalOf(value)).length > MAX_METADATA_BYTES)
    throw metadataInvalid('metadata', `has more than ${MAX_METADATA_BYTES} bytes as canonical JSON`)
  if (isDeeperThan(value, MAX_DEPTH)) throw metadataInvalid('fields', `is nested deeper than ${MAX_DEPTH}`)
  return value as unknown as EvidenceMetadata
}

/** `keccak256(JCS(metadata))`. @throws EVIDENCE_METADATA_INVALID */
export const metadataHashOf = (metadata: EvidenceMetadata): Bytes32 =>
  keccak256Hex(utf8ToBytes(canonicalOf(metadata)))

/** Unix seconds at which the credential ceases to be valid; undefined when it does not by itself. */
export const expiresAtOf = ({ validUntil }: EvidenceMetadata): number | undefined =>
  secondsOfUtcTime(validUntil)

/** The canonicaliser's own error names a path, and so members that are the client's. */
function canonicalOf(value: object): string {
  try {
    return canonicalJson(value)
  } catch {
    throw metadataInvalid('metadata', 'has a value without a canonical JSON form (RFC 8785)')
  }
}

function faultOfName(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'is not a text'
  if (value.length > MAX_NAME_BYTES) return `has more than ${MAX_NAME_BYTES} bytes of UTF-8`
  if (!value.isWellFormed()) return 'has an unpaired surrogate'
  const size = utf8ToBytes(value).length
  if (size < 1 || size > MAX_NAME_BYTES) return `has not 1 to ${MAX_NAME_BYTES} bytes of UTF-8`
  if (value === '.' || value === '..') return 'is a folder, not a file'
  if (NOT_IN_NAME.test(value)) return 'has a slash, or a character that is not seen'
  return undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1))
}

const metadataInvalid = (member: string, reason: string): CountersignError =>
  new CountersignError('EVIDENCE_METADATA_INVALID', `${member} ${reason}`, { details: { member } })
