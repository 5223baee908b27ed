import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { keccak256 } from '../../protocol/hex.ts'
import { rootOfReferences, SlotTwice, StorageTrie } from './storage-trie.ts'

/**
 * What the worker is told, in this order for each pass: slots, then the end of the pass. `kind` says how an entry of `bytes`
 * lies: a record is author (20), key, digest; a head is author (20), head.
 */
export type StorageRootTask =
  | { kind: 'pass'; firstNibble: number; nibbles: number; capacity: number }
  | { kind: 'records' | 'heads'; bytes: Uint8Array }
  | { kind: 'end'; isLast: boolean }

/** Each task is answered once: done, or with the root after the last. Null: rows that no storage can hold. */
export interface StorageRootAnswer {
  root?: Uint8Array | null
}

/** Of RecordBook: `digest[author][key]` and `head[author]`. */
const DIGESTS_SLOT = 2
const HEADS_SLOT = 3

const port = parentPort!
// On Linux a thread has a priority of its own: whatever else there is to do comes first.
if (process.platform === 'linux') setPriority(0, 19)

let trie = new StorageTrie()
let firstNibble = 0
let nibbles = 16
let references: (Uint8Array | undefined)[] = new Array(16)
const words = new Uint8Array(64)

/** `keccak256(key ‖ slot)`, where a mapping at `slot` has the value of `key`. */
function mappingSlot(key: Uint8Array, slot: Uint8Array): Uint8Array {
  words.set(key, 0)
  words.set(slot, 32)
  return keccak256(words)
}

function word(value: number | Uint8Array): Uint8Array {
  const bytes = new Uint8Array(32)
  if (typeof value === 'number') bytes[31] = value
  else bytes.set(value, 32 - value.length)
  return bytes
}

const digests = word(DIGESTS_SLOT)
const heads = word(HEADS_SLOT)
let lastAuthor = new Uint8Array(0)
let book = new Uint8Array(0)

function add(slot: Uint8Array, value: Uint8Array): void {
  const hashed = keccak256(slot)
  const nibble = hashed[0]! >> 4
  if (nibble >= firstNibble && nibble < firstNibble + nibbles) trie.add(hashed, value)
}

function addRecords(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 84) {
    const author = bytes.subarray(at, at + 20)
    if (Buffer.compare(author, lastAuthor) !== 0) {
      lastAuthor = author.slice()
      book = mappingSlot(word(author), digests) as Uint8Array<ArrayBuffer>
    }
    add(mappingSlot(bytes.subarray(at + 20, at + 52), book), bytes.subarray(at + 52, at + 84))
  }
}

function addHeads(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 52)
    add(mappingSlot(word(bytes.subarray(at, at + 20)), heads), bytes.subarray(at + 20, at + 52))
}

function end(isLast: boolean): StorageRootAnswer {
  const isWhole = nibbles === 16
  if (isWhole) return { root: trie.root() }
  const found = trie.references()
  for (let nibble = firstNibble; nibble < firstNibble + nibbles; nibble++) references[nibble] = found[nibble]
  if (!isLast) return {}
  const root = rootOfReferences(references)
  references = new Array(16)
  return { root }
}

function answer(task: StorageRootTask): StorageRootAnswer {
  if (task.kind === 'pass') {
    firstNibble = task.firstNibble
    nibbles = task.nibbles
    if (firstNibble === 0) trie = new StorageTrie(task.capacity)
    trie.clear()
  } else if (task.kind === 'records') addRecords(task.bytes)
  else if (task.kind === 'heads') addHeads(task.bytes)
  else if (task.kind === 'end')
    try {
      return end(task.isLast)
    } catch (error) {
      if (error instanceof SlotTwice) return { root: null }
      throw error
    }
  return {}
}

port.on('message', (task: StorageRootTask) => port.postMessage(answer(task)))
