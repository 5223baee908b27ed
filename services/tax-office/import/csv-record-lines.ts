import { type Refusal, refusal } from './imported-row.ts'
import { faultOfRowText } from './source-row.ts'
import { MAX_LINE_LENGTH, type TextLine } from './text-lines.ts'

/** The text of one record: one line, or several where a quoted cell has line ends. */
export interface RecordLines {
  /** Of its first line. */
  line: number
  text: string
  /** Of a record of several lines. */
  fields?: string[]
  fault?: Refusal
}

/** A record that a stray quote keeps open is given up after so many lines, and those after its first are read anew. */
const MAX_RECORD_LINES = 100

/**
 * Puts together the lines of each record: a line ends one when no quote is open. So a stray quote spoils its own row and none of the sound
 * ones behind it, which a parser that is left to itself would read as part of a quoted cell.
 */
export class CsvRecordLines {
  readonly #maxLines: number
  readonly #parse: (text: string) => string[] | undefined
  #open: TextLine[] = []
  #openQuotes = 0
  #openLength = 0

  /** @param parse gives the fields of one record, if it is a record that the file may have */
  constructor(multiline: boolean, parse: (text: string) => string[] | undefined) {
    this.#maxLines = multiline ? MAX_RECORD_LINES : 1
    this.#parse = parse
  }

  push(lines: readonly TextLine[]): RecordLines[] {
    const records: RecordLines[] = []
    for (const line of lines) this.#take(line, records)
    return records
  }

  end(): RecordLines[] {
    const records: RecordLines[] = []
    while (this.#open.length > 0) this.#giveUp(records)
    return records
  }

  #take(line: TextLine, records: RecordLines[]): void {
    const { number, text, isTooLong } = line
    if (this.#open.length === 0) {
      if (isTooLong) records.push({ line: number, text, fault: faultOfRowText(text, true)! })
      else if (!text.includes('"')) {
        if (text !== '') records.push({ line: number, text })
      } else this.#add(line, records)
    } else if (isTooLong) {
      while (this.#open.length > 0) this.#giveUp(records)
      this.#take(line, records)
    } else this.#add(line, records)
  }

  #add(line: TextLine, records: RecordLines[]): void {
    this.#open.push(line)
    this.#openQuotes += countQuotes(line.text)
    this.#openLength += line.text.length + 1
    if (this.#openQuotes % 2 === 0) this.#complete(records)
    else if (this.#open.length >= this.#maxLines || this.#openLength > MAX_LINE_LENGTH) this.#giveUp(records)
  }

  #complete(records: RecordLines[]): void {
    const line = this.#open[0]!.number
    const text = this.#open.map(({ text }) => text).join('\n')
    const fields = this.#open.length === 1 ? undefined : this.#parse(text)
    if (this.#open.length > 1 && fields === undefined) this.#giveUp(records)
    else {
      this.#close()
      records.push(fields === undefined ? { line, text } : { line, text, fields })
    }
  }

  #close(): TextLine[] {
    const lines = this.#open
    this.#open = []
    this.#openQuotes = 0
    this.#openLength = 0
    return lines
  }

  #giveUp(records: RecordLines[]): void {
    const [first, ...others] = this.#close()
    records.push({
      line: first!.number,
      text: '',
      fault: refusal('ROW_MALFORMED', 'the quotes do not match'),
    })
    for (const line of others) this.#take(line, records)
  }
}

function countQuotes(text: string): number {
  let count = 0
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) count++
  return count
}
