import { fileInvalid } from './file-invalid.ts'

export interface TextLine {
  /** From 1. */
  number: number
  text: string
  /** More characters than `MAX_LINE_LENGTH`: `text` is empty. */
  isTooLong?: true
}

/** In UTF-16 units; no line is kept beyond it. */
export const MAX_LINE_LENGTH = 65_536
const PIECE_BYTES = 65_536

/**
 * The lines of a UTF-8 text, a batch for each piece of bytes; a byte order mark and the carriage return before a line's end are left out.
 * Bytes that are no UTF-8 become U+FFFD: which row they are in, and whether it matters, is for the row's reader to say. Holds one line.
 * @throws PAYMENT_FILE_INVALID for UTF-16
 */
export async function* textLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<TextLine[]> {
  const splitter = new LineSplitter()
  const decoder = new TextDecoder('utf-8', { fatal: false })
  let isFirst = true
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const piece = chunk.subarray(at, at + PIECE_BYTES)
      if (isFirst && isUtf16(piece)) throw fileInvalid('the file is UTF-16, not UTF-8')
      isFirst = false
      const lines = splitter.push(decoder.decode(piece, { stream: true }))
      if (lines.length > 0) yield lines
    }
  const last = splitter.end(decoder.decode())
  if (last.length > 0) yield last
}

/** By its byte order mark, either end first. */
const isUtf16 = ([first, second]: Uint8Array): boolean =>
  (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)

class LineSplitter {
  #rest = ''
  #number = 0
  /** The line that `#rest` begins was given up already. */
  #isTooLong = false

  push(text: string): TextLine[] {
    const texts = (this.#rest + text).split('\n')
    this.#rest = texts.pop()!
    const lines = texts.map((line) => this.#finish(line))
    if (this.#rest.length > MAX_LINE_LENGTH) {
      this.#rest = ''
      this.#isTooLong = true
    }
    return lines
  }

  end(text: string): TextLine[] {
    const lines = this.push(text)
    return this.#rest === '' && !this.#isTooLong ? lines : [...lines, this.#finish(this.#rest)]
  }

  #finish(line: string): TextLine {
    const number = ++this.#number
    const isTooLong = this.#isTooLong || line.length > MAX_LINE_LENGTH
    this.#isTooLong = false
    if (isTooLong) return { number, text: '', isTooLong }
    return { number, text: line.endsWith('\r') ? line.slice(0, -1) : line }
  }
}
