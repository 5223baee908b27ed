import { CountersignError } from '../errors.ts'
import { concatBytes } from '../hex.ts'
import { takeRandomBytes } from '../random.ts'

/** What opens a sealed record: 16 bytes, printed on the payment slip. */
export type LookupCode = Uint8Array

export const LOOKUP_CODE_BYTES = 16
/** Crockford's base32: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** 128 bits of code and 12 of checksum, 5 to a character. */
const CHARACTERS = 28
const GROUP = 4
const MAX_TYPED = 200

export const newLookupCode = (): LookupCode => takeRandomBytes(LOOKUP_CODE_BYTES)

/** As it is printed: 28 characters in 7 groups, e.g. `0000-0000-…`. */
export function formatLookupCode(code: LookupCode): string {
  checkLength(code)
  const crc = crc12(code)
  const bits = concatBytes(code, new Uint8Array([crc >> 4, (crc & 15) << 4]))
  let text = ''
  for (let i = 0; i < CHARACTERS; i++) {
    if (i > 0 && i % GROUP === 0) text += '-'
    text += ALPHABET[fiveBitsAt(bits, 5 * i)]
  }
  return text
}

/**
 * Reads a code as a person types it: upper or lower case, with or without hyphens and blanks, O for 0, I or L for 1, full-width forms. The
 * checksum finds every wrong character and every two neighbours changed over, and of other errors all but one in 4,096.
 * @throws LOOKUP_CODE_MISTYPED; the text is not quoted
 */
export function readLookupCode(typed: string): LookupCode {
  if (typed.length > MAX_TYPED) throw mistyped(`has more than ${MAX_TYPED} characters`)
  const text = typed
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1')
  if (text.length !== CHARACTERS) throw mistyped(`has ${text.length} characters, not ${CHARACTERS}`)
  const bytes = new Uint8Array(LOOKUP_CODE_BYTES + 2)
  for (let i = 0; i < CHARACTERS; i++) {
    const value = ALPHABET.indexOf(text[i]!)
    if (value < 0) throw mistyped(`has a character that no code has, at place ${i + 1}`)
    // At most two bytes take part in a character.
    const shifted = value << (11 - ((5 * i) % 8))
    const at = Math.floor((5 * i) / 8)
    bytes[at]! |= shifted >> 8
    if (at + 1 < bytes.length) bytes[at + 1]! |= shifted & 255
  }
  const code = bytes.slice(0, LOOKUP_CODE_BYTES)
  if (crc12(code) !== (bytes[16]! << 4) + (bytes[17]! >> 4)) throw mistyped('does not fit its checksum')
  return code
}

/** @throws LOOKUP_CODE_MISTYPED unless there are 16 bytes */
export function checkLength(code: LookupCode): void {
  if (code.length !== LOOKUP_CODE_BYTES) throw mistyped(`has not ${LOOKUP_CODE_BYTES} bytes`)
}

function fiveBitsAt(bytes: Uint8Array, bit: number): number {
  const at = Math.floor(bit / 8)
  return ((bytes[at]! * 256 + (bytes[at + 1] ?? 0)) >> (11 - (bit % 8))) & 31
}

/** CRC-12 with the polynomial 0x80F, from all ones: finds every error within 12 bits in a row, which is two characters and more. */
function crc12(bytes: Uint8Array): number {
  let crc = 0xfff
  for (const byte of bytes) {
    crc ^= byte << 4
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x800 ? 0x80f : 0)) & 0xfff
  }
  return crc
}

const mistyped = (what: string): CountersignError =>
  new CountersignError('LOOKUP_CODE_MISTYPED', `the lookup code ${what}`)
