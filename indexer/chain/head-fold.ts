import { keccak256, utf8ToBytes } from '../../protocol/hex.ts'

/**
 * The rolling head of `protocol/record-book.ts` over bytes, for hundreds of thousands of records a second: the pieces of
 * a fold are put side by side in one place that is used again and again. A test holds it against the protocol's formulas.
 */
const input = new Uint8Array(128)
const RECORD = input.subarray(0, 96)
const words = new DataView(input.buffer)

const PUBLICATION_TAG = keccak256(utf8ToBytes('countersign.publication.v1'))
const ANCHOR_TAG = keccak256(utf8ToBytes('countersign.anchor.v1'))

/** `keccak256(head ‖ key ‖ digest)`. */
export function foldRecordBytes(head: Uint8Array, key: Uint8Array, digest: Uint8Array): Uint8Array {
  input.set(head, 0)
  input.set(key, 32)
  input.set(digest, 64)
  return keccak256(RECORD)
}

export const foldPublicationBytes = (head: Uint8Array, root: Uint8Array, count: number): Uint8Array =>
  foldRoot(head, PUBLICATION_TAG, root, BigInt(count))

export const foldAnchorBytes = (head: Uint8Array, root: Uint8Array, leafCount: bigint): Uint8Array =>
  foldRoot(head, ANCHOR_TAG, root, leafCount)

/** `keccak256(head ‖ topic0 ‖ topic1 ‖ … ‖ data)`: as `protocol/directory-head.ts`. */
export const foldLogBytes = (
  head: Uint8Array,
  { topics, data }: { topics: readonly string[]; data: string },
): Uint8Array => keccak256(Buffer.concat([head, ...topics.map(hexBytes), hexBytes(data)]))

const hexBytes = (text: string): Buffer => Buffer.from(text.slice(2), 'hex')

function foldRoot(head: Uint8Array, tag: Uint8Array, root: Uint8Array, count: bigint): Uint8Array {
  input.set(head, 0)
  input.set(tag, 32)
  input.set(root, 64)
  // Counts are uint64 on chain: the low 8 bytes of the last word.
  input.fill(0, 96, 120)
  words.setBigUint64(120, count)
  return keccak256(input)
}
