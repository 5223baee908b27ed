import { type Hex, keccak256 } from './hex.ts'

const BLOOM_BITS = 2048

/**
 * Whether a block's or receipt's bloom (256 bytes, yellow paper section 4.4.1) allows for a log with this address (20
 * bytes) or topic (32 bytes). False is certain, true is likely.
 */
export const bloomHas = (bloom: Hex, value: Uint8Array): boolean => bloomHasBits(bloom, bloomBits(value))

/** The three bits of a bloom that a value sets, counted from the lowest; computed once for a value asked for often. */
export function bloomBits(value: Uint8Array): readonly number[] {
  const hash = keccak256(value)
  return [0, 2, 4].map((i) => ((hash[i]! << 8) | hash[i + 1]!) % BLOOM_BITS)
}

/** The same as `bloomHas` for bits from `bloomBits`. Reads the hexadecimal text as it is, in upper or lower case. */
export const bloomHasBits = (bloom: Hex, bits: readonly number[]): boolean =>
  bits.every((bit) => (Number.parseInt(bloom[bloom.length - 1 - (bit >> 2)]!, 16) & (1 << (bit & 3))) !== 0)
