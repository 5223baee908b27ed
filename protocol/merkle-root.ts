import { keccak256 } from './hex.ts'

/** `bytes32` pairs by position, 32 bytes each: how a publication carries its entries. */
export interface LeafBytes {
  readonly length: number
  key(index: number): Uint8Array
  digest(index: number): Uint8Array
}

const leafInput = new Uint8Array(64)

/**
 * The root of the `@openzeppelin/merkle-tree` standard tree over `(bytes32 key, bytes32 digest)`, leaves in the order given:
 * `merkleRootOf` over bytes, for an index that derives the root of every publication it reads.
 * @param leaves at least one
 * @returns 32 bytes
 */
export const merkleRootBytes = (leaves: LeafBytes): Uint8Array => merkleNodes(leaves).slice(0, 32)

/**
 * All nodes of that tree in one array, 32 bytes each, the root first: the children of node i at 2i + 1 and 2i + 2, the leaves, hashed
 * twice, last to first at the end. Pairs are hashed in ascending order.
 * @param leaves at least one
 */
export function merkleNodes(leaves: LeafBytes): Uint8Array {
  const count = leaves.length
  if (count === 0) throw new RangeError('a Merkle tree needs at least one leaf')
  const size = 2 * count - 1
  const nodes = new Uint8Array(32 * size)
  for (let i = 0; i < count; i++) {
    leafInput.set(leaves.key(i), 0)
    leafInput.set(leaves.digest(i), 32)
    nodes.set(keccak256(keccak256(leafInput)), 32 * (size - 1 - i))
  }
  for (let parent = size - count - 1; parent >= 0; parent--) {
    const left = 32 * (2 * parent + 1)
    // Siblings lie side by side: in ascending order they are hashed where they are.
    nodes.set(
      keccak256(isAscending(nodes, left) ? nodes.subarray(left, left + 64) : swapped(nodes, left)),
      32 * parent,
    )
  }
  return nodes
}

/** The inclusion proof of leaf `index`, leaf to root. @param nodes as {@link merkleNodes} makes them */
export function merkleProofFrom(nodes: Uint8Array, index: number): Uint8Array[] {
  const proof: Uint8Array[] = []
  for (let node = nodes.length / 32 - 1 - index; node > 0; node = (node - 1) >> 1) {
    const sibling = node % 2 === 1 ? node + 1 : node - 1
    proof.push(nodes.slice(32 * sibling, 32 * (sibling + 1)))
  }
  return proof
}

function isAscending(nodes: Uint8Array, left: number): boolean {
  for (let i = left; i < left + 32; i++) {
    const difference = nodes[i]! - nodes[i + 32]!
    if (difference !== 0) return difference < 0
  }
  return true
}

function swapped(nodes: Uint8Array, left: number): Uint8Array {
  leafInput.set(nodes.subarray(left + 32, left + 64), 0)
  leafInput.set(nodes.subarray(left, left + 32), 32)
  return leafInput
}
