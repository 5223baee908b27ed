import { parse } from 'csv-parse/sync'
import { CsvRecordLines, type RecordLines } from './csv-record-lines.ts'
import { fileInvalid } from './file-invalid.ts'
import { refusal } from './imported-row.ts'
import { cellText, faultOfRowText, rowRefused, type SourceRow, sourceRow } from './source-row.ts'
import { textLines } from './text-lines.ts'

export interface CsvForm {
  delimiter: string
  /** The file's columns, where it has no heading. */
  header: string[] | undefined
  /** Whether a quoted cell may have line ends. */
  multiline: boolean
}

const MAX_COLUMNS = 1000

/**
 * The rows of a CSV file (RFC 4180) in batches: of each the cells of `columns`, in that order. Blank lines are no rows.
 * @throws PAYMENT_FILE_INVALID when the heading lacks a column or names it twice, or there is none
 */
export async function* csvRows(
  source: AsyncIterable<Uint8Array>,
  columns: readonly string[],
  { delimiter, header, multiline }: CsvForm,
): AsyncGenerator<SourceRow[]> {
  let reader = header === undefined ? undefined : new RowReader(header, columns)
  const grouping = new CsvRecordLines(multiline, (text) => {
    const fields = parseRecord(text, delimiter)
    return reader === undefined || fields?.length === reader.width ? fields : undefined
  })
  const readRows = (records: RecordLines[]): SourceRow[] => {
    const parsed = parseRecords(records, delimiter)
    return records.flatMap((record, i) => {
      if (reader !== undefined) return reader.readRow(record, parsed[i])
      reader = new RowReader(headingOf(record, parsed[i]), columns)
      return []
    })
  }
  for await (const lines of textLines(source)) yield readRows(grouping.push(lines))
  yield readRows(grouping.end())
  if (reader === undefined) throw fileInvalid('the file is empty: it has no heading')
}

const PARSING = { relax_column_count: true, record_delimiter: '\n' }

/** The fields of each record; undefined for one whose quotes are wrong. All at once, and one by one only if that finds a fault. */
function parseRecords(records: readonly RecordLines[], delimiter: string): (string[] | undefined)[] {
  const unparsed = records.filter(isUnparsed)
  try {
    const rows = parse(unparsed.map(({ text }) => text).join('\n'), { ...PARSING, delimiter })
    if (rows.length !== unparsed.length) throw new Error('a record was parsed as more or less than one')
    let next = 0
    return records.map((record) => (isUnparsed(record) ? rows[next++] : record.fields))
  } catch {
    return records.map((record) => (isUnparsed(record) ? parseRecord(record.text, delimiter) : record.fields))
  }
}

const isUnparsed = ({ fields, fault }: RecordLines): boolean => fields === undefined && fault === undefined

function parseRecord(text: string, delimiter: string): string[] | undefined {
  try {
    const rows = parse(text, { ...PARSING, delimiter })
    return rows.length === 1 ? rows[0] : undefined
  } catch {
    return undefined
  }
}

function headingOf({ line }: RecordLines, fields: string[] | undefined): string[] {
  if (fields === undefined) throw fileInvalid(`line ${line}, which should be the heading, cannot be read`)
  if (fields.length > MAX_COLUMNS) throw fileInvalid(`the heading has more than ${MAX_COLUMNS} columns`)
  return fields
}

class RowReader {
  readonly #columns: readonly string[]
  readonly #positions: number[]
  readonly width: number

  constructor(names: readonly string[], columns: readonly string[]) {
    const heading = names.map(cellText)
    const positionOf = (column: string): number => heading.indexOf(cellText(column))
    const lacking = columns.filter((column) => positionOf(column) === -1)
    if (lacking.length > 0) throw fileInvalid(`the heading lacks: ${lacking.join(', ')}`)
    const twice = columns.filter((column) => positionOf(column) !== heading.lastIndexOf(cellText(column)))
    if (twice.length > 0) throw fileInvalid(`the heading has more than once: ${twice.join(', ')}`)
    this.#columns = columns
    this.#positions = columns.map(positionOf)
    this.width = heading.length
  }

  readRow = ({ line, text, fault }: RecordLines, fields: string[] | undefined): SourceRow => {
    const textFault = fault ?? faultOfRowText(text)
    if (textFault !== undefined) return rowRefused(line, textFault)
    if (fields === undefined) return rowRefused(line, refusal('ROW_MALFORMED', 'the quotes do not match'))
    if (fields.length !== this.width)
      return rowRefused(
        line,
        refusal('ROW_RAGGED', `the row has ${fields.length} cells, the heading ${this.width}`),
      )
    return sourceRow(
      line,
      this.#positions.map((position) => fields[position]!),
      this.#columns,
    )
  }
}
