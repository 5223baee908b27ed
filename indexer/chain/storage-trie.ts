import { keccak256 } from '../../protocol/hex.ts'

/** One entry: the hashed slot, then the value, 32 bytes each. */
const ENTRY = 64
const KEY_NIBBLES = 64
const EMPTY_STRING = Uint8Array.of(0x80)
/** Largest node: a branch of sixteen hashes. */
const nodeBuffer = new Uint8Array(3 + 17 * 33)

/**
 * The root of a contract's storage trie (yellow paper, appendix D) from all of its slots at once: sorted, then built from the
 * leaves up, each node hashed once and none kept. For tries too large for memory, sixteenth by sixteenth.
 */
export class StorageTrie {
  #entries: Uint8Array
  #size = 0
  #order = new Uint32Array(0)

  /** @param capacity entries that there is room for at first */
  constructor(capacity = 1024) {
    this.#entries = new Uint8Array(Math.max(capacity, 1) * ENTRY)
  }

  get size(): number {
    return this.#size
  }

  /** @param hashedSlot keccak256 of the slot; each but once @param value 32 bytes; zero is no entry */
  add(hashedSlot: Uint8Array, value: Uint8Array): void {
    if (leadingZeros(value, 0, 32) === 32) return
    if ((this.#size + 1) * ENTRY > this.#entries.length) this.#grow()
    this.#entries.set(hashedSlot, this.#size * ENTRY)
    this.#entries.set(value, this.#size * ENTRY + 32)
    this.#size++
  }

  clear(): void {
    this.#size = 0
  }

  /** 32 bytes. @throws SlotTwice */
  root(): Uint8Array {
    this.#sort()
    return this.#size === 0 ? keccak256(EMPTY_STRING) : hashOf(this.#node(0, this.#size, 0))
  }

  /**
   * What the root's branch refers to for each of the entries' first nibbles, as RLP; undefined where there are none.
   * @throws SlotTwice
   */
  references(): (Uint8Array | undefined)[] {
    this.#sort()
    const references: (Uint8Array | undefined)[] = new Array(16)
    for (let from = 0; from < this.#size; ) {
      const nibble = this.#nibble(from, 0)
      const to = this.#endOf(from, this.#size, 0, nibble)
      references[nibble] = referenceTo(this.#node(from, to, 1))
      from = to
    }
    return references
  }

  #grow(): void {
    const entries = new Uint8Array(Math.ceil(this.#entries.length / ENTRY / 2) * 3 * ENTRY)
    entries.set(this.#entries)
    this.#entries = entries
  }

  /** By the first two bytes at once, then each of the 65,536 short stretches by itself. */
  #sort(): void {
    const entries = this.#entries
    const starts = new Uint32Array(65_537)
    const prefix = (i: number) => (entries[i * ENTRY]! << 8) | entries[i * ENTRY + 1]!
    for (let i = 0; i < this.#size; i++) starts[prefix(i) + 1]!++
    for (let i = 0; i < 65_536; i++) starts[i + 1]! += starts[i]!
    const order = new Uint32Array(this.#size)
    const next = starts.slice()
    for (let i = 0; i < this.#size; i++) order[next[prefix(i)]!++] = i
    for (let bucket = 0; bucket < 65_536; bucket++) {
      const from = starts[bucket]!
      const to = starts[bucket + 1]!
      for (let i = from + 1; i < to; i++) {
        const moved = order[i]!
        let at = i
        while (at > from && this.#isAfter(order[at - 1]!, moved)) order[at] = order[--at]!
        order[at] = moved
      }
    }
    this.#order = order
  }

  #isAfter(a: number, b: number): boolean {
    for (let i = 2; i < 32; i++) {
      const difference = this.#entries[a * ENTRY + i]! - this.#entries[b * ENTRY + i]!
      if (difference !== 0) return difference > 0
    }
    throw new SlotTwice()
  }

  #nibble(position: number, depth: number): number {
    const byte = this.#entries[this.#order[position]! * ENTRY + (depth >> 1)]!
    return (depth & 1) === 0 ? byte >> 4 : byte & 15
  }

  /** The first position from `from` on whose nibble is another; by halves, as stretches are long near the root. */
  #endOf(from: number, to: number, depth: number, nibble: number): number {
    let low = from + 1
    let high = to
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#nibble(middle, depth) === nibble) low = middle + 1
      else high = middle
    }
    return low
  }

  /** RLP of the node over the entries `from` to `to` (without), whose keys agree in the first `depth` nibbles. */
  #node(from: number, to: number, depth: number): Uint8Array {
    if (to - from === 1) return this.#leaf(from, depth)
    let shared = depth
    while (this.#nibble(from, shared) === this.#nibble(to - 1, shared)) {
      if (++shared === KEY_NIBBLES) throw new SlotTwice()
    }
    const branch = this.#branch(from, to, shared)
    if (shared === depth) return branch
    const path = this.#path(from, depth, shared, 0)
    return list([string(path), referenceTo(branch)])
  }

  #branch(from: number, to: number, depth: number): Uint8Array {
    const parts: Uint8Array[] = []
    let at = from
    for (let nibble = 0; nibble < 16; nibble++) {
      if (at === to || this.#nibble(at, depth) !== nibble) {
        parts.push(EMPTY_STRING)
        continue
      }
      const end = this.#endOf(at, to, depth, nibble)
      parts.push(referenceTo(this.#node(at, end, depth + 1)))
      at = end
    }
    parts.push(EMPTY_STRING)
    return list(parts)
  }

  #leaf(position: number, depth: number): Uint8Array {
    const at = this.#order[position]! * ENTRY + 32
    const zeros = leadingZeros(this.#entries, at, 32)
    const value = string(this.#entries.subarray(at + zeros, at + 32))
    return list([string(this.#path(position, depth, KEY_NIBBLES, 2)), string(value)])
  }

  /** Hex-prefix encoding (appendix C) of the nibbles `from` to `to` (without). @param flag 0 extension, 2 leaf */
  #path(position: number, from: number, to: number, flag: number): Uint8Array {
    const length = to - from
    const path = new Uint8Array((length >> 1) + 1)
    let next = from
    if ((length & 1) === 1) path[0] = ((flag | 1) << 4) | this.#nibble(position, next++)
    else path[0] = flag << 4
    for (let i = 1; next < to; i++) {
      path[i] = (this.#nibble(position, next) << 4) | this.#nibble(position, next + 1)
      next += 2
    }
    return path
  }
}

/** The root over sixteen references, two of which at least are there. */
export function rootOfReferences(references: readonly (Uint8Array | undefined)[]): Uint8Array {
  if (references.filter((reference) => reference !== undefined).length < 2)
    throw new RangeError('a branch has at least two children')
  const parts = Array.from({ length: 16 }, (_, i) => references[i] ?? EMPTY_STRING)
  return hashOf(list([...parts, EMPTY_STRING]))
}

/** Two entries have the same slot: no contract's storage is like that. */
export class SlotTwice extends Error {
  constructor() {
    super('two entries have the same slot')
  }
}

const hashOf = (node: Uint8Array): Uint8Array => keccak256(node)

/** A node of less than 32 bytes stands in its parent, any other is referred to by its hash. */
const referenceTo = (node: Uint8Array): Uint8Array => (node.length < 32 ? node : string(keccak256(node)))

function leadingZeros(bytes: Uint8Array, from: number, length: number): number {
  let zeros = 0
  while (zeros < length && bytes[from + zeros] === 0) zeros++
  return zeros
}

/** RLP of a string of less than 56 bytes. */
function string(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 1 && bytes[0]! < 0x80) return bytes
  const encoded = new Uint8Array(bytes.length + 1)
  encoded[0] = 0x80 + bytes.length
  encoded.set(bytes, 1)
  return encoded
}

/** RLP of a list of less than 65,536 bytes, of items that are RLP already. */
function list(items: readonly Uint8Array[]): Uint8Array {
  let at = 3
  for (const item of items) {
    nodeBuffer.set(item, at)
    at += item.length
  }
  const length = at - 3
  if (length <= 55) {
    nodeBuffer[2] = 0xc0 + length
    return nodeBuffer.slice(2, at)
  }
  if (length <= 255) {
    nodeBuffer[1] = 0xf8
    nodeBuffer[2] = length
    return nodeBuffer.slice(1, at)
  }
  nodeBuffer[0] = 0xf9
  nodeBuffer[1] = length >> 8
  nodeBuffer[2] = length & 0xff
  return nodeBuffer.slice(0, at)
}
