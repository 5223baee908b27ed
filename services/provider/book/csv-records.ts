export interface CsvRecord {
  /** Of its first line in the file, from 1. */
  line: number
  /** Undefined when the record is broken. */
  fields?: string[]
  fault?: string
}

interface Line {
  number: number
  text: string
}

/** A record that a stray quote keeps open is given up after so many lines, and the lines after its first are read anew. */
const MAX_RECORD_LINES = 100

/**
 * CSV by RFC 4180, read piece by piece. Faulty records are told one by one and spoil no other: after a stray or missing quote general
 * parsers go on reading inside what they take for a quoted field, and lose the sound rows behind it.
 */
export class CsvRecords {
  #rest = ''
  #lineNumber = 0
  /** Lines of a record whose quotes are still open. */
  #open: Line[] = []
  #openQuotes = 0

  /** Characters of a line that has not ended yet. */
  get unfinishedLength(): number {
    return this.#rest.length
  }

  /** The records that `text` completes. */
  push(text: string): CsvRecord[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    const records: CsvRecord[] = []
    for (const line of lines) this.#take({ number: ++this.#lineNumber, text: withoutReturn(line) }, records)
    return records
  }

  /** The records left at the end of the file. */
  end(): CsvRecord[] {
    const records: CsvRecord[] = []
    if (this.#rest !== '')
      this.#take({ number: ++this.#lineNumber, text: withoutReturn(this.#rest) }, records)
    this.#rest = ''
    while (this.#open.length > 0) this.#giveUpFirst(records)
    return records
  }

  #take(line: Line, records: CsvRecord[]): void {
    if (this.#open.length === 0) {
      if (line.text === '') return
      if (!line.text.includes('"')) {
        records.push({ line: line.number, fields: line.text.split(',') })
        return
      }
    }
    this.#open.push(line)
    this.#openQuotes += countQuotes(line.text)
    if (this.#openQuotes % 2 === 0) this.#complete(records)
    else if (this.#open.length >= MAX_RECORD_LINES) this.#giveUpFirst(records)
  }

  #complete(records: CsvRecord[]): void {
    const fields = splitQuoted(this.#open.map(({ text }) => text).join('\n'))
    if (fields === undefined) {
      this.#giveUpFirst(records)
      return
    }
    records.push({ line: this.#open[0]!.number, fields })
    this.#open = []
    this.#openQuotes = 0
  }

  #giveUpFirst(records: CsvRecord[]): void {
    const [first, ...others] = this.#open
    this.#open = []
    this.#openQuotes = 0
    records.push({ line: first!.number, fault: 'quotes do not match' })
    for (const line of others) this.#take(line, records)
  }
}

/** The fields of one record; undefined when a quote stands where none may. */
function splitQuoted(record: string): string[] | undefined {
  const fields: string[] = []
  let at = 0
  for (;;) {
    let end: number
    if (record[at] === '"') {
      let field = ''
      let from = at + 1
      for (;;) {
        const quote = record.indexOf('"', from)
        if (quote === -1) return undefined
        field += record.slice(from, quote)
        if (record[quote + 1] !== '"') {
          end = quote + 1
          break
        }
        field += '"'
        from = quote + 2
      }
      if (end < record.length && record[end] !== ',') return undefined
      fields.push(field)
    } else {
      const comma = record.indexOf(',', at)
      end = comma === -1 ? record.length : comma
      const field = record.slice(at, end)
      if (field.includes('"')) return undefined
      fields.push(field)
    }
    if (end >= record.length) return fields
    at = end + 1
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)

function countQuotes(text: string): number {
  let count = 0
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) count++
  return count
}
