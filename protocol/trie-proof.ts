import { bytesToHex, keccak256, keccak256Hex } from './hex.ts'
import { proofInvalid } from './proof-error.ts'
import { decodeRlpList, encodeRlp, type RlpItem, rlpBytes, rlpList } from './rlp.ts'

/** Root of a trie without entries: keccak256 of the RLP of the empty string. */
export const EMPTY_TRIE_ROOT = keccak256(encodeRlp(new Uint8Array()))

/**
 * Follows `key` down a Merkle Patricia trie (yellow paper, appendix D) through `nodes`, which run from the root
 * towards the leaf. Each node must be the next one on the way and all must be used, so a statement has one proof only.
 * @returns the value, or undefined when the nodes prove that the trie has none at `key`
 * @throws PROOF_INVALID
 */
export function readTrieProof(
  root: Uint8Array,
  key: Uint8Array,
  nodes: readonly Uint8Array[],
  what: string,
): Uint8Array | undefined {
  let used = 0
  const value = walk(root, key, what, (hash) => {
    const node = nodes[used++]
    if (node === undefined) throw proofInvalid(`${what}: node ${used - 1} is missing`)
    if (!isEqual(keccak256(node), hash))
      throw proofInvalid(`${what}: node ${used - 1} does not hash to what leads to it`)
    return node
  })
  if (used < nodes.length) throw proofInvalid(`${what}: ${nodes.length - used} nodes are not on the way`)
  return value
}

/**
 * The nodes on the way to `key`, in order, picked from those that a node answered: some clients add nodes which
 * their parent already contains, or spell an empty trie as a node.
 * @throws PROOF_INVALID when one on the way is missing
 */
export function selectTrieProof(
  root: Uint8Array,
  key: Uint8Array,
  answered: readonly Uint8Array[],
  what: string,
): { value: Uint8Array | undefined; nodes: Uint8Array[] } {
  const byHash = new Map(answered.map((node) => [keccak256Hex(node), node]))
  const nodes: Uint8Array[] = []
  const value = walk(root, key, what, (hash) => {
    const node = byHash.get(bytesToHex(hash))
    if (node === undefined) throw proofInvalid(`${what}: node ${bytesToHex(hash)} is missing`)
    nodes.push(node)
    return node
  })
  return { value, nodes }
}

function walk(
  root: Uint8Array,
  key: Uint8Array,
  what: string,
  nodeOf: (hash: Uint8Array) => Uint8Array,
): Uint8Array | undefined {
  if (isEqual(root, EMPTY_TRIE_ROOT)) return undefined
  const path = nibblesOf(key)
  let at = 0
  let node = decodeRlpList(nodeOf(root), what)
  for (;;) {
    let child: RlpItem | undefined
    if (node.length === 17) {
      if (at === path.length) return nonEmpty(rlpBytes(node[16], what))
      child = node[path[at++]!]
    } else {
      const { isLeaf, nibbles } = decodePath(node, what)
      const isOnPath = nibbles.every((nibble, i) => path[at + i] === nibble)
      if (isLeaf) {
        const value = rlpBytes(node[1], what)
        if (value.length === 0) throw proofInvalid(`${what}: a leaf without a value`)
        return isOnPath && at + nibbles.length === path.length ? value : undefined
      }
      if (nibbles.length === 0) throw proofInvalid(`${what}: an extension of no length`)
      if (!isOnPath) return undefined
      at += nibbles.length
      child = node[1]
    }
    if (Array.isArray(child)) {
      node = child // nodes of less than 32 bytes stand in their parent
    } else {
      const hash = rlpBytes(child, what)
      if (hash.length === 0 && node.length === 17) return undefined
      node = decodeRlpList(nodeOf(rlpBytes(hash, `${what}: reference to a node`, 32)), what)
    }
  }
}

/** Hex-prefix encoding, yellow paper appendix C. */
function decodePath(node: RlpItem[], what: string): { isLeaf: boolean; nibbles: number[] } {
  const encoded = nibblesOf(rlpBytes(rlpList(node, `${what}: node`, 2)[0], what))
  const flag = encoded[0]
  if (flag === undefined || flag > 3) throw proofInvalid(`${what}: unknown kind of node`)
  const isOdd = (flag & 1) === 1
  if (!isOdd && encoded[1] !== 0) throw proofInvalid(`${what}: padding of a path is not zero`)
  return { isLeaf: flag >= 2, nibbles: encoded.slice(isOdd ? 1 : 2) }
}

function nibblesOf(bytes: Uint8Array): number[] {
  const nibbles: number[] = []
  for (const byte of bytes) nibbles.push(byte >> 4, byte & 15)
  return nibbles
}

const nonEmpty = (value: Uint8Array): Uint8Array | undefined => (value.length === 0 ? undefined : value)

const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
