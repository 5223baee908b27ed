import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { CountersignError } from './errors.ts'
import {
  type Address,
  type Bytes32,
  concatBytes,
  hexToBytes,
  keccak256,
  keccak256Hex,
  utf8ToBytes,
  ZERO_BYTES32,
} from './hex.ts'
import { uintWord } from './record-slots.ts'
import { type Registry, registrySeparator } from './registry-domain.ts'
import { compileTypes, typedDataDigest } from './typed-data.ts'

export { digestSlot, headSlot } from './record-slots.ts'

/** What an author writes: a key of their own choosing, once, and the digest it stands for. */
export interface Entry {
  key: Bytes32
  digest: Bytes32
}

/** The head of an author who has written nothing. */
export const EMPTY_HEAD: Bytes32 = ZERO_BYTES32

const PUBLICATION_TAG = keccak256(utf8ToBytes('countersign.publication.v1'))
const ANCHOR_TAG = keccak256(utf8ToBytes('countersign.anchor.v1'))
const LEAF_ENCODING = ['bytes32', 'bytes32']

/** `keccak256(head ‖ key ‖ digest)`: three words. */
export const foldRecord = (head: Bytes32, key: Bytes32, digest: Bytes32): Bytes32 =>
  keccak256Hex(concatBytes(hexToBytes(head, 32), hexToBytes(key, 32), hexToBytes(digest, 32)))

/** The head after `entries`, in order. */
export const foldRecords = (head: Bytes32, entries: readonly Entry[]): Bytes32 =>
  entries.reduce((folded, { key, digest }) => foldRecord(folded, key, digest), head)

/** `keccak256(head ‖ tag ‖ root ‖ count)`: four words, so never the fold of a record. */
export const foldPublication = (head: Bytes32, root: Bytes32, count: number | bigint): Bytes32 =>
  foldRoot(head, PUBLICATION_TAG, root, count)

/** As {@link foldPublication}, with a tag of its own. */
export const foldAnchor = (head: Bytes32, root: Bytes32, leafCount: number | bigint): Bytes32 =>
  foldRoot(head, ANCHOR_TAG, root, leafCount)

const foldRoot = (head: Bytes32, tag: Uint8Array, root: Bytes32, count: number | bigint): Bytes32 =>
  keccak256Hex(concatBytes(hexToBytes(head, 32), tag, hexToBytes(root, 32), uintWord(count)))

/** `keccak256(key0 ‖ digest0 ‖ key1 ‖ …)`. */
export const batchHash = (entries: readonly Entry[]): Bytes32 =>
  keccak256Hex(
    concatBytes(...entries.flatMap(({ key, digest }) => [hexToBytes(key, 32), hexToBytes(digest, 32)])),
  )

const RECORD_BATCH = compileTypes({
  RecordBatch: [
    { name: 'author', type: 'address' },
    { name: 'batchHash', type: 'bytes32' },
    { name: 'deadline', type: 'uint256' },
  ],
})

export interface RecordBatch extends Registry {
  author: Address
  entries: readonly Entry[]
  /** Unix seconds; the last block timestamp at which the batch is accepted. */
  deadline: number | bigint
}

/** What an author signs so that anyone may send the batch (`recordFor`). */
export const recordBatchDigest = ({ author, entries, deadline, ...registry }: RecordBatch): Bytes32 =>
  typedDataDigest(
    registrySeparator(registry),
    RECORD_BATCH.hashStruct('RecordBatch', { author, batchHash: batchHash(entries), deadline }),
  )

/** The root of the OpenZeppelin standard tree over `(key, digest)`, leaves in the order given. */
export const merkleRootOf = (entries: readonly Entry[]): Bytes32 => treeOf(entries).root as Bytes32

/** The inclusion proof of `entries[index]`, leaf to root. */
export const merkleProofOf = (entries: readonly Entry[], index: number): Bytes32[] =>
  treeOf(entries).getProof(index) as Bytes32[]

export const verifyMerkleProof = (root: Bytes32, entry: Entry, proof: readonly Bytes32[]): boolean =>
  StandardMerkleTree.verify(root, LEAF_ENCODING, [entry.key, entry.digest], [...proof])

const treeOf = (entries: readonly Entry[]): StandardMerkleTree<[Bytes32, Bytes32]> => {
  if (entries.length === 0)
    throw new CountersignError('BATCH_EMPTY', 'a Merkle tree needs at least one entry')
  return StandardMerkleTree.of(
    entries.map(({ key, digest }): [Bytes32, Bytes32] => [key, digest]),
    LEAF_ENCODING,
    { sortLeaves: false },
  )
}
