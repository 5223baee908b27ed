import { concatBytes as nobleConcatBytes, utf8ToBytes as nobleUtf8ToBytes } from '@noble/hashes/utils.js'
import { keccak256 } from '#keccak256'
import { CountersignError } from './errors.ts'
import { takeRandomBytes } from './random.ts'

/** `0x` and an even number of lower-case hexadecimal digits, unless said otherwise. */
export type Hex = `0x${string}`
/** 20 bytes, with the EIP-55 checksum. */
export type Address = Hex
/** 32 bytes, lower case. */
export type Bytes32 = Hex

/** As regular expressions for schemas. */
export const BYTES32_PATTERN = '^0x[0-9a-f]{64}$'
export const ADDRESS_PATTERN = '^0x[0-9a-fA-F]{40}$'
const BYTES32 = new RegExp(BYTES32_PATTERN)
const ADDRESS = new RegExp(ADDRESS_PATTERN)

export const ZERO_BYTES32: Bytes32 = `0x${'0'.repeat(64)}`
export const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`

export const utf8ToBytes = (text: string): Uint8Array => nobleUtf8ToBytes(text)
export const concatBytes = (...parts: Uint8Array[]): Uint8Array => nobleConcatBytes(...parts)
export { keccak256 }
export const keccak256Hex = (bytes: Uint8Array): Bytes32 => bytesToHex(keccak256(bytes))
/** 32 bytes from the platform's cryptographic random source. */
export const randomBytes32 = (): Bytes32 => bytesToHex(takeRandomBytes(32))

export function bytesToHex(bytes: Uint8Array): Hex {
  let text = '0x'
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]!]
  return text as Hex
}

/** @throws HEX_MALFORMED unless `text` is `0x` and an even number of hexadecimal digits (`length` bytes, when given). */
export function hexToBytes(text: string, length?: number): Uint8Array {
  if (!text.startsWith('0x') || text.length % 2 !== 0) throw notHex(text)
  const bytes = new Uint8Array(text.length / 2 - 1)
  for (let i = 0; i < bytes.length; i++) {
    // A character that is no digit has no value, and makes the sum negative or not a number.
    const value = DIGITS[text.charCodeAt(2 * i + 2)]! * 16 + DIGITS[text.charCodeAt(2 * i + 3)]!
    if (!(value >= 0)) throw notHex(text)
    bytes[i] = value
  }
  if (length !== undefined && bytes.length !== length)
    throw new CountersignError(
      'HEX_MALFORMED',
      `expected ${length} bytes, got ${bytes.length}: ${excerpt(text)}`,
    )
  return bytes
}

// Every digest and signature passes through these two functions: tables are several times as fast as a pattern.
const NO_DIGIT = -1000
const DIGITS: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(digit) ? NO_DIGIT : digit
})
const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

const notHex = (text: string): CountersignError =>
  new CountersignError('HEX_MALFORMED', `not 0x-prefixed hexadecimal data: ${excerpt(text)}`)

export const isBytes32 = (value: unknown): value is Bytes32 =>
  typeof value === 'string' && BYTES32.test(value)

/** Lower-cases and checks 32 bytes of hexadecimal data. @throws HEX_MALFORMED */
export function toBytes32(text: string): Bytes32 {
  return bytesToHex(hexToBytes(text, 32))
}

/** The EIP-55 checksummed form. @throws ADDRESS_MALFORMED on a wrong form or, in mixed case, a wrong checksum. */
export function toAddress(text: string): Address {
  const cached = checksummed.get(text)
  if (cached !== undefined) return cached
  if (!ADDRESS.test(text)) throw new CountersignError('ADDRESS_MALFORMED', `not an address: ${excerpt(text)}`)
  const digits = text.slice(2).toLowerCase()
  const hash = bytesToHex(keccak256(utf8ToBytes(digits))).slice(2)
  let address = '0x'
  for (let i = 0; i < 40; i++) {
    const digit = digits[i]!
    address += Number.parseInt(hash[i]!, 16) >= 8 ? digit.toUpperCase() : digit
  }
  const isMixedCase = text.slice(2) !== digits && text.slice(2) !== digits.toUpperCase()
  if (isMixedCase && text !== address)
    throw new CountersignError('ADDRESS_MALFORMED', `wrong EIP-55 checksum: ${text}`)
  if (checksummed.size >= CHECKSUM_CACHE_SIZE) checksummed.clear()
  checksummed.set(text, address as Address)
  return address as Address
}

// A checksum costs a keccak256 and the same few parties come back all day.
const CHECKSUM_CACHE_SIZE = 4096
const checksummed = new Map<string, Address>()

export const isSameAddress = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

/** An error shows at most this much of a value that came from outside. */
function excerpt(text: unknown): string {
  const shown = String(text)
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 77)}…` : shown)
}
