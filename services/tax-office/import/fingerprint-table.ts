import { hash } from 'node:crypto'

/** Words of a fingerprint: the first 16 bytes of SHA-256, so that nobody finds two texts with the same one. */
const KEY_WORDS = 4
const FIRST_CAPACITY = 1024
const MAX_LOAD = 0.75

/**
 * Numbers kept for each of many texts, of which only fingerprints are held: `4 * (4 + words)` bytes a place, one to three places an entry.
 * An open-addressing hash table outside of the garbage-collected heap.
 */
export class FingerprintTable {
  readonly #words: number
  readonly #maxEntries: number
  #places = new Uint32Array(0)
  #capacity = FIRST_CAPACITY
  #entries = 0

  /** @param words 32-bit numbers an entry */
  constructor(words: number, maxEntries: number) {
    this.#words = words
    this.#maxEntries = maxEntries
    this.#places = new Uint32Array(this.#capacity * this.#width)
  }

  get size(): number {
    return this.#entries
  }

  /** The numbers of a text, to read and to write until the next call; zeros when it is new. Undefined when it is new and the table full. */
  numbersOf(text: string): Uint32Array | undefined {
    const key = fingerprint(text)
    let at = this.#placeOf(key)
    if (this.#places[at] === 0) {
      if (this.#entries >= this.#maxEntries) return undefined
      if (this.#entries >= this.#capacity * MAX_LOAD) {
        this.#grow()
        at = this.#placeOf(key)
      }
      this.#places.set(key, at)
      this.#entries++
    }
    return this.#places.subarray(at + KEY_WORDS, at + this.#width)
  }

  get #width(): number {
    return KEY_WORDS + this.#words
  }

  /** Where a key stands, or would: the first free place from its own on. A place is free when its first word is 0. */
  #placeOf(key: Uint32Array): number {
    const places = this.#places
    const width = this.#width
    for (let slot = key[1]! & (this.#capacity - 1); ; slot = (slot + 1) & (this.#capacity - 1)) {
      const at = slot * width
      if (places[at] === 0) return at
      if (
        places[at] === key[0] &&
        places[at + 1] === key[1] &&
        places[at + 2] === key[2] &&
        places[at + 3] === key[3]
      )
        return at
    }
  }

  #grow(): void {
    const old = this.#places
    const width = this.#width
    this.#capacity *= 2
    this.#places = new Uint32Array(this.#capacity * width)
    for (let from = 0; from < old.length; from += width) {
      if (old[from] === 0) continue
      const entry = old.subarray(from, from + width)
      this.#places.set(entry, this.#placeOf(entry))
    }
  }
}

/** Four words; the first is never 0. */
export function fingerprint(text: string): Uint32Array {
  // In hexadecimal: Node gives a text in a third of the time that a buffer takes.
  const digest = hash('sha256', text)
  const words = new Uint32Array(KEY_WORDS)
  for (let i = 0; i < KEY_WORDS; i++) words[i] = Number.parseInt(digest.slice(8 * i, 8 * i + 8), 16)
  if (words[0] === 0) words[0] = 1
  return words
}
