import { keccakP } from '@noble/hashes/sha3.js'
import { keccak256, utf8ToBytes } from '../../protocol/hex.ts'

/**
 * The rolling head of `protocol/record-book.ts` over bytes, for hundreds of thousands of records a second: 96 and 128
 * bytes fit into one block of keccak256 (136 bytes), so a fold is one permutation of a state that is used again and again.
 * A test holds it against the protocol's formulas.
 */
const words = new Uint32Array(50)
const bytes = new Uint8Array(words.buffer)
const RATE = 136

const PUBLICATION_TAG = keccak256(utf8ToBytes('countersign.publication.v1'))
const ANCHOR_TAG = keccak256(utf8ToBytes('countersign.anchor.v1'))

/** `keccak256(head ‖ key ‖ digest)`. */
export function foldRecordBytes(head: Uint8Array, key: Uint8Array, digest: Uint8Array): Uint8Array {
  words.fill(0)
  bytes.set(head, 0)
  bytes.set(key, 32)
  bytes.set(digest, 64)
  return squeeze(96)
}

export const foldPublicationBytes = (head: Uint8Array, root: Uint8Array, count: number): Uint8Array =>
  foldRoot(head, PUBLICATION_TAG, root, BigInt(count))

export const foldAnchorBytes = (head: Uint8Array, root: Uint8Array, leafCount: bigint): Uint8Array =>
  foldRoot(head, ANCHOR_TAG, root, leafCount)

function foldRoot(head: Uint8Array, tag: Uint8Array, root: Uint8Array, count: bigint): Uint8Array {
  words.fill(0)
  bytes.set(head, 0)
  bytes.set(tag, 32)
  bytes.set(root, 64)
  // Counts are uint64 on chain: the low 8 bytes of the last word.
  new DataView(bytes.buffer).setBigUint64(120, count)
  return squeeze(128)
}

/** Keccak padding (0x01 … 0x80, not SHA-3's), one permutation, the first 32 bytes. Little-endian machines only, as V8's are. */
function squeeze(length: number): Uint8Array {
  bytes[length] = 1
  bytes[RATE - 1] = 0x80
  keccakP(words)
  return bytes.slice(0, 32)
}
