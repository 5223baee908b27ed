import { keccak256 } from '../../protocol/hex.ts'
import { rootOfReferences, SlotTwice, StorageTrie } from './storage-trie.ts'

/** Bytes of a record: author, key, digest. */
export const RECORD_BYTES = 84
/** Bytes of a head: author, head. */
export const HEAD_BYTES = 52

/**
 * What is to be done, in this order for each pass: which of the trie's sixteen branches it is about, then all records and
 * heads of the book, as many as come at once, then the end.
 */
export type StorageRootTask =
  | { kind: 'pass'; firstNibble: number; nibbles: number; capacity: number }
  | { kind: 'records' | 'heads'; bytes: Uint8Array }
  | { kind: 'end'; isLast: boolean }

/** Each task is answered once; with the root at the end of the last pass. Null: records that no storage can hold. */
export interface StorageRootAnswer {
  root?: Uint8Array | null
}

/** Mappings of RecordBook: `digest[author][key]` and `head[author]`. */
const DIGESTS_SLOT = 2
const HEADS_SLOT = 3

/** The storage of a record book, made from its records and heads (layout: IRecordBook). */
export class StorageBook {
  #trie = new StorageTrie()
  #firstNibble = 0
  #nibbles = 16
  #references: (Uint8Array | undefined)[] = new Array(16)
  #author = new Uint8Array(0)
  /** Slot of `digest[#author]`. */
  #book = new Uint8Array(0)

  answer(task: StorageRootTask): StorageRootAnswer {
    if (task.kind === 'end') return this.#end(task.isLast)
    if (task.kind === 'pass') {
      this.#firstNibble = task.firstNibble
      this.#nibbles = task.nibbles
      if (task.firstNibble === 0) this.#trie = new StorageTrie(task.capacity)
      this.#trie.clear()
    } else if (task.kind === 'records') this.#addRecords(task.bytes)
    else this.#addHeads(task.bytes)
    return {}
  }

  #addRecords(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
      const author = bytes.subarray(at, at + 20)
      if (Buffer.compare(author, this.#author) !== 0) {
        this.#author = author.slice() as Uint8Array<ArrayBuffer>
        this.#book = mappingSlot(word(author), DIGESTS) as Uint8Array<ArrayBuffer>
      }
      this.#add(
        mappingSlot(bytes.subarray(at + 20, at + 52), this.#book),
        bytes.subarray(at + 52, at + RECORD_BYTES),
      )
    }
  }

  #addHeads(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += HEAD_BYTES)
      this.#add(
        mappingSlot(word(bytes.subarray(at, at + 20)), HEADS),
        bytes.subarray(at + 20, at + HEAD_BYTES),
      )
  }

  #add(slot: Uint8Array, value: Uint8Array): void {
    const hashed = keccak256(slot)
    const nibble = hashed[0]! >> 4
    if (nibble >= this.#firstNibble && nibble < this.#firstNibble + this.#nibbles)
      this.#trie.add(hashed, value)
  }

  #end(isLast: boolean): StorageRootAnswer {
    try {
      if (this.#nibbles === 16) return { root: this.#trie.root() }
      const found = this.#trie.references()
      for (let nibble = this.#firstNibble; nibble < this.#firstNibble + this.#nibbles; nibble++)
        this.#references[nibble] = found[nibble]
      return isLast ? { root: rootOfReferences(this.#references) } : {}
    } catch (error) {
      if (error instanceof SlotTwice) return { root: null }
      throw error
    }
  }
}

const words = new Uint8Array(64)

/** `keccak256(key ‖ slot)`: where a mapping at `slot` has the value of `key`. */
function mappingSlot(key: Uint8Array, slot: Uint8Array): Uint8Array {
  words.set(key, 0)
  words.set(slot, 32)
  return keccak256(words)
}

function word(value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(32)
  bytes.set(value, 32 - value.length)
  return bytes
}

const DIGESTS = word(Uint8Array.of(DIGESTS_SLOT))
const HEADS = word(Uint8Array.of(HEADS_SLOT))
