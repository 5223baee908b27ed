import type { RawLog } from './raw-log.ts'

/** Thrown inside of the scanner when what it reads is not in the one form that it knows. */
export class UnknownForm extends Error {}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65]
/** Bytes of a text that mean themselves: ASCII but control characters, quote and backslash. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== 0x5c ? 1 : 0,
)
const isSpace = Uint8Array.from({ length: 256 }, (_, byte) =>
  [0x20, 0x09, 0x0a, 0x0d].includes(byte) ? 1 : 0,
)

const MAX_MEMBERS = 16
const MAX_TOPICS = 4
const TEXTS = ['address', 'data', 'blockNumber', 'blockHash', 'transactionHash', 'logIndex', 'blockTimestamp']
const [ADDRESS, DATA, BLOCK_NUMBER, BLOCK_HASH, TRANSACTION_HASH, LOG_INDEX, BLOCK_TIMESTAMP] = [
  0, 1, 2, 3, 4, 5, 6,
] as const
const TOPICS = 7
const REMOVED = 8
const UNREAD = 9
const OPTIONAL = (1 << BLOCK_TIMESTAMP) | (1 << REMOVED)
const EVERY = (1 << UNREAD) - 1

/**
 * Reads arrays of logs out of bytes of JSON. Logs of an answer are alike: same members in the same order, most with the same
 * values. So each member is first held against the same one of the log before, many bytes at a time, and only what differs
 * is looked at byte by byte and made a string. Members that nobody reads are passed over.
 */
export class LogScanner {
  /** Where the next byte is read. */
  at = 0
  readonly #bytes: Buffer
  readonly #view: DataView
  // Where the members of the log before lie, from the opening quote of the name, and where their values begin; after them its topics.
  readonly #from = new Int32Array(MAX_MEMBERS + MAX_TOPICS)
  readonly #value = new Int32Array(MAX_MEMBERS)
  readonly #to = new Int32Array(MAX_MEMBERS + MAX_TOPICS)
  readonly #member = new Int32Array(MAX_MEMBERS)
  readonly #text: string[] = Array(MAX_MEMBERS).fill('')
  /** Of the log that is read, each in the place that `TEXTS` gives it. */
  readonly #texts: string[] = TEXTS.map(() => '')
  readonly #topics: string[] = Array(MAX_TOPICS).fill('')

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** @throws UnknownForm */
  readLogs(): RawLog[] {
    const logs: RawLog[] = []
    this.expect(OPEN_ARRAY)
    if (this.space() === CLOSE_ARRAY) {
      this.at++
      return logs
    }
    do logs.push(this.#readLog())
    while (this.isAnother(CLOSE_ARRAY))
    return logs
  }

  /** The byte after any white space, which stays the next; undefined at the end. */
  space(): number | undefined {
    const bytes = this.#bytes
    while (isSpace[bytes[this.at]!] === 1) this.at++
    return bytes[this.at]
  }

  expect(byte: number): void {
    if (this.space() !== byte) throw new UnknownForm()
    this.at++
  }

  /** Takes a comma, or the `end` of what it separates. */
  isAnother(end: number): boolean {
    const byte = this.space()
    this.at++
    if (byte === COMMA) return true
    if (byte === end) return false
    throw new UnknownForm()
  }

  /** A text without escapes, of ASCII. */
  readText(): string {
    const from = this.at + 1
    this.#skipText()
    return this.#bytes.toString('latin1', from, this.at - 1)
  }

  readName(): string {
    this.space()
    const name = this.readText()
    this.expect(COLON)
    this.space()
    return name
  }

  #skipText(): void {
    const bytes = this.#bytes
    let at = this.at
    if (bytes[at] !== QUOTE) throw new UnknownForm()
    do at++
    while (isPlain[bytes[at]!] === 1)
    if (bytes[at] !== QUOTE) throw new UnknownForm()
    this.at = at + 1
  }

  #readLog(): RawLog {
    this.expect(OPEN_OBJECT)
    let seen = 0
    let topics: string[] = []
    let slot = 0
    const texts = this.#texts
    do {
      const member = this.#readMember(slot)
      const text = this.#text[slot++]!
      if (member === UNREAD) continue
      const bit = 1 << member
      // JSON.parse takes the last of several.
      if ((seen & bit) !== 0) throw new UnknownForm()
      seen |= bit
      if (member === TOPICS) topics = this.#readTopics()
      else if (member < TEXTS.length) texts[member] = text
    } while (this.isAnother(CLOSE_OBJECT))
    if ((seen | OPTIONAL) !== EVERY) throw new UnknownForm()
    const log: RawLog = {
      address: texts[ADDRESS]!,
      topics,
      data: texts[DATA]!,
      blockNumber: texts[BLOCK_NUMBER]!,
      blockHash: texts[BLOCK_HASH]!,
      transactionHash: texts[TRANSACTION_HASH]!,
      logIndex: texts[LOG_INDEX]!,
    }
    if ((seen & (1 << BLOCK_TIMESTAMP)) !== 0) log.blockTimestamp = texts[BLOCK_TIMESTAMP]!
    return log
  }

  /** Reads the member, of an array its beginning. @returns which it is */
  #readMember(slot: number): number {
    if (slot === MAX_MEMBERS) throw new UnknownForm()
    this.space()
    const at = this.at
    const from = this.#from[slot]!
    const length = this.#to[slot]! - from
    const same = this.#sameBytes(from, at, length)
    if (length > 0 && same === length) {
      this.at = at + length
      return this.#member[slot]!
    }
    const nameLength = this.#value[slot]! - from
    if (nameLength > 0 && same >= nameLength) this.at = at + nameLength
    else this.#member[slot] = memberOf(this.readName())
    this.space()
    this.#from[slot] = at
    this.#value[slot] = this.at
    const member = this.#member[slot]!
    if (member === TOPICS) this.expect(OPEN_ARRAY)
    else if (member === REMOVED) for (const byte of FALSE) this.#take(byte)
    else if (member === UNREAD) this.#skipText()
    else this.#text[slot] = this.readText()
    this.#to[slot] = this.at
    return member
  }

  #readTopics(): string[] {
    if (this.space() === CLOSE_ARRAY) {
      this.at++
      return []
    }
    let count = 0
    do {
      if (count === MAX_TOPICS) throw new UnknownForm()
      this.#readTopic(count++)
    } while (this.isAnother(CLOSE_ARRAY))
    return this.#topics.slice(0, count)
  }

  #readTopic(i: number): void {
    this.space()
    const at = this.at
    const from = this.#from[MAX_MEMBERS + i]!
    const length = this.#to[MAX_MEMBERS + i]! - from
    if (length > 0 && this.#sameBytes(from, at, length) === length) {
      this.at = at + length
      return
    }
    this.#topics[i] = this.readText()
    this.#from[MAX_MEMBERS + i] = at
    this.#to[MAX_MEMBERS + i] = this.at
  }

  #take(byte: number): void {
    if (this.#bytes[this.at] !== byte) throw new UnknownForm()
    this.at++
  }

  /**
   * How many bytes from `b` on are at least the same as those from `a` on, which were read before; up to `length`, and to
   * fewer than 8 exactly.
   */
  #sameBytes(a: number, b: number, length: number): number {
    const view = this.#view
    if (b + length > view.byteLength) return 0
    let i = 0
    // As floating-point numbers, since those need no object: what was read is ASCII, never NaN and never zero.
    for (; i + 8 <= length; i += 8)
      if (view.getFloat64(a + i, true) !== view.getFloat64(b + i, true)) return i
    for (; i < length; i++) if (view.getUint8(a + i) !== view.getUint8(b + i)) return i
    return length
  }
}

function memberOf(name: string): number {
  if (name === 'topics') return TOPICS
  if (name === 'removed') return REMOVED
  const text = TEXTS.indexOf(name)
  return text === -1 ? UNREAD : text
}
