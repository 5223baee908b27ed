import { concatBytes } from './hex.ts'
import { proofInvalid } from './proof-error.ts'

export type RlpItem = Uint8Array | RlpItem[]

/**
 * Headers, receipts and trie nodes nest four lists at most (receipt, logs, log, topics). The limit keeps a forged
 * input from exhausting the stack.
 */
const MAX_DEPTH = 8

/** Recursive Length Prefix, yellow paper appendix B. Byte strings are taken as they are: quantities come without leading zeros. */
export function encodeRlp(item: RlpItem): Uint8Array {
  if (Array.isArray(item)) return withPrefix(0xc0, concatBytes(...item.map(encodeRlp)))
  return item.length === 1 && item[0]! < 0x80 ? Uint8Array.from(item) : withPrefix(0x80, item)
}

/** Up to 55 bytes the prefix says how many there are; past that how many bytes of its own the length takes. */
function withPrefix(base: number, payload: Uint8Array): Uint8Array {
  const { length } = payload
  if (length <= 55) return concatBytes(Uint8Array.of(base + length), payload)
  const size = quantityBytes(length)
  return concatBytes(Uint8Array.of(base + 55 + size.length), size, payload)
}

/**
 * Decodes exactly one item and accepts its one canonical encoding only, so that equal items have equal bytes.
 * The byte strings returned are views of `bytes`.
 * @param what names the input in the error
 * @throws PROOF_INVALID
 */
export function decodeRlp(bytes: Uint8Array, what: string): RlpItem {
  const [item, end] = decodeItem(bytes, 0, bytes.length, what, 0)
  if (end !== bytes.length) throw proofInvalid(`${what}: ${bytes.length - end} bytes after the RLP item`)
  return item
}

/** The same, for an input that has to be a list. @throws PROOF_INVALID */
export function decodeRlpList(bytes: Uint8Array, what: string): RlpItem[] {
  const item = decodeRlp(bytes, what)
  if (!Array.isArray(item)) throw proofInvalid(`${what}: expected an RLP list, got a byte string`)
  return item
}

/** A byte string of an RLP list, of `length` bytes if given. @throws PROOF_INVALID */
export function rlpBytes(item: RlpItem | undefined, what: string, length?: number): Uint8Array {
  if (!(item instanceof Uint8Array)) throw proofInvalid(`${what}: expected a byte string`)
  if (length !== undefined && item.length !== length)
    throw proofInvalid(`${what}: expected ${length} bytes, got ${item.length}`)
  return item
}

/** A list inside an RLP list. @throws PROOF_INVALID */
export function rlpList(item: RlpItem | undefined, what: string, length?: number): RlpItem[] {
  if (!Array.isArray(item)) throw proofInvalid(`${what}: expected a list`)
  if (length !== undefined && item.length !== length)
    throw proofInvalid(`${what}: expected ${length} items, got ${item.length}`)
  return item
}

/** Checks that a byte string is a quantity: big endian, no leading zero, 32 bytes at most. @throws PROOF_INVALID */
export function rlpQuantity(item: RlpItem | undefined, what: string): Uint8Array {
  const bytes = rlpBytes(item, what)
  if (bytes.length > 32) throw proofInvalid(`${what}: a quantity of ${bytes.length} bytes`)
  if (bytes[0] === 0) throw proofInvalid(`${what}: a quantity with a leading zero`)
  return bytes
}

/** A quantity as a number, 2^53 - 1 at most. @throws PROOF_INVALID */
export function rlpNumber(item: RlpItem | undefined, what: string): number {
  let value = 0
  for (const byte of rlpQuantity(item, what)) value = value * 256 + byte
  if (!Number.isSafeInteger(value)) throw proofInvalid(`${what}: a quantity past 2^53 - 1`)
  return value
}

/** The RLP form of a non-negative safe integer: its big-endian bytes, none for zero. */
export function quantityBytes(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Uint8Array.from(bytes)
}

/** Puts the transaction type (EIP-2718) before a payload; type 0 has no prefix. */
export const typedEnvelope = (type: number, payload: Uint8Array): Uint8Array =>
  type === 0 ? payload : concatBytes(Uint8Array.of(type), payload)

function decodeItem(
  bytes: Uint8Array,
  start: number,
  limit: number,
  what: string,
  depth: number,
): [item: RlpItem, end: number] {
  const prefix = bytes[start]
  if (prefix === undefined || start >= limit) throw proofInvalid(`${what}: RLP ends too early`)
  if (prefix < 0x80) return [bytes.subarray(start, start + 1), start + 1]

  const isList = prefix >= 0xc0
  const shortLength = prefix - (isList ? 0xc0 : 0x80)
  const [from, length] =
    shortLength <= 55 ? [start + 1, shortLength] : longLength(bytes, start, shortLength - 55, limit, what)
  const end = from + length
  if (end > limit) throw proofInvalid(`${what}: RLP ends too early`)
  if (!isList) {
    if (length === 1 && bytes[from]! < 0x80) throw proofInvalid(`${what}: RLP prefix before a single byte`)
    return [bytes.subarray(from, end), end]
  }

  if (depth === MAX_DEPTH) throw proofInvalid(`${what}: RLP lists nested more than ${MAX_DEPTH} deep`)
  const items: RlpItem[] = []
  for (let at = from; at < end; ) {
    const [item, next] = decodeItem(bytes, at, end, what, depth + 1)
    items.push(item)
    at = next
  }
  return [items, end]
}

/** Length written in `size` bytes of its own: no leading zero, and only where the short form (55 or less) is too small. */
function longLength(
  bytes: Uint8Array,
  start: number,
  size: number,
  limit: number,
  what: string,
): [from: number, length: number] {
  const from = start + 1 + size
  // No input of ours comes near 2^32 bytes, and four bytes of length stay exact as a number.
  if (from > limit || size > 4) throw proofInvalid(`${what}: RLP ends too early`)
  let length = 0
  for (let i = start + 1; i < from; i++) length = length * 256 + bytes[i]!
  if (bytes[start + 1] === 0 || length <= 55)
    throw proofInvalid(`${what}: RLP length not in its shortest form`)
  return [from, length]
}
