import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { canonicalJson } from '../../../protocol/canonical-json.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import type { BookState, BookStore, TableReport } from './book-store.ts'
import { faultOfCell } from './column-value.ts'
import { type CsvRecord, CsvRecords } from './csv-records.ts'
import type { BookDeclaration, BookTable, ColumnType } from './declaration.ts'
import type { BookRow } from './derive-answer.ts'

export interface BookSource {
  declaration: BookDeclaration
  /** Folder of the declaration's file. */
  folder: string
  /** Folder of the data that declarations name without `./`. */
  dataFolder?: string | undefined
}

const MAX_REFUSALS_TOLD = 100
const MAX_SUBJECT_LENGTH = 256
/** Rows in one transaction: the event loop is free in between. */
const ROWS_AT_ONCE = 2_000
const MAX_LINE_LENGTH = 1_048_576

/**
 * Brings the book to what its files say. Nothing happens when declaration and files are those loaded before; otherwise the new book
 * replaces the old one all at once, and until then the old one is answered from. A broken row is refused by its line, the rest loads.
 * @throws BOOK_FILE_UNUSABLE when a file cannot be read or has not the columns declared
 */
export async function loadBook(
  store: BookStore,
  source: BookSource,
): Promise<{ outcome: 'loaded' | 'unchanged'; state: BookState }> {
  const fingerprint = await fingerprintOf(source)
  const current = store.state()
  if (current?.fingerprint === fingerprint) return { outcome: 'unchanged', state: current }
  const generation = store.begin()
  const report: TableReport[] = []
  for (const [name, table] of Object.entries(source.declaration.tables))
    report.push(await loadTable(store, generation, name, table, pathOf(source, table)))
  const state = { fingerprint, loadedAt: Math.floor(Date.now() / 1000), report }
  store.replaceBy(generation, state)
  return { outcome: 'loaded', state }
}

async function loadTable(
  store: BookStore,
  generation: number,
  name: string,
  table: BookTable,
  file: string,
): Promise<TableReport> {
  const report: TableReport = { table: name, file: table.file, loaded: 0, refused: 0, refusals: [] }
  let reader: RowReader | undefined
  let rows: { subject: string; row: BookRow }[] = []
  const storeRows = (): void => {
    store.insertRows(generation, name, rows)
    report.loaded += rows.length
    rows = []
  }
  const take = (record: CsvRecord): void => {
    if (reader === undefined) {
      reader = new RowReader(table, record)
      return
    }
    const read = reader.read(record)
    if (typeof read !== 'string') rows.push(read)
    else {
      report.refused++
      if (report.refusals.length < MAX_REFUSALS_TOLD)
        report.refusals.push({ line: record.line, reason: read })
    }
  }
  for await (const records of recordsOf(file)) {
    records.forEach(take)
    if (rows.length >= ROWS_AT_ONCE) storeRows()
  }
  if (reader === undefined) throw unusable(`${table.file} has no header line`)
  storeRows()
  return report
}

async function* recordsOf(file: string): AsyncGenerator<CsvRecord[]> {
  const csv = new CsvRecords()
  let isStart = true
  for await (const text of chunksOf(file)) {
    yield csv.push(isStart && text.startsWith('\u{feff}') ? text.slice(1) : text)
    isStart = false
    if (csv.unfinishedLength > MAX_LINE_LENGTH) throw unusable('a line is longer than a mebibyte')
  }
  yield csv.end()
}

async function* chunksOf(file: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(file, { encoding: 'utf8', highWaterMark: 256 * 1024 }) as AsyncIterable<string>
  } catch (cause) {
    throw unusable(`${file} cannot be read`, cause)
  }
}

/** Turns records into rows of the declared columns. */
class RowReader {
  readonly #width: number
  readonly #subjectAt: number
  readonly #columns: { name: string; type: ColumnType; at: number }[]

  constructor({ file, subject, columns }: BookTable, header: CsvRecord) {
    const names = header.fields ?? []
    const repeated = names.find((name, i) => names.indexOf(name) !== i)
    if (repeated !== undefined) throw unusable(`${file} has two columns ${repeated}`)
    const placeOf = (name: string): number => {
      const at = names.indexOf(name)
      if (at === -1) throw unusable(`${file} has no column ${name}`)
      return at
    }
    this.#width = names.length
    this.#subjectAt = placeOf(subject)
    this.#columns = Object.entries({ [subject]: 'text' as ColumnType, ...columns }).map(([name, type]) => ({
      name,
      type,
      at: placeOf(name),
    }))
  }

  /** The row, or why it is refused. */
  read({ fields, fault }: CsvRecord): { subject: string; row: BookRow } | string {
    if (fields === undefined) return fault ?? 'broken'
    if (fields.length !== this.#width) return `has ${fields.length} fields, the header has ${this.#width}`
    const subject = fields[this.#subjectAt]!
    if (subject.trim() === '') return 'the subject is empty'
    if (subject.length > MAX_SUBJECT_LENGTH) return `the subject is longer than ${MAX_SUBJECT_LENGTH}`
    const row: BookRow = {}
    for (const { name, type, at } of this.#columns) {
      const text = fields[at]!
      const cellFault = faultOfCell(text, type)
      if (cellFault !== undefined) return `${name} ${cellFault}`
      row[name] = text
    }
    return { subject, row }
  }
}

async function fingerprintOf(source: BookSource): Promise<string> {
  const hash = createHash('sha256').update(canonicalJson(source.declaration))
  for (const table of Object.values(source.declaration.tables)) {
    const ofFile = createHash('sha256')
    try {
      for await (const chunk of createReadStream(pathOf(source, table))) ofFile.update(chunk)
    } catch (cause) {
      throw unusable(`${table.file} cannot be read`, cause)
    }
    hash.update(ofFile.digest())
  }
  return hash.digest('hex')
}

function pathOf({ folder, dataFolder }: BookSource, { file }: BookTable): string {
  if (file.startsWith('./')) return resolve(folder, file)
  if (dataFolder === undefined)
    throw unusable(`${file} is in the data folder, and none is set (COUNTERSIGN_DATA)`)
  return resolve(dataFolder, file)
}

/** The folder that a declaration's `./` stands for. */
export const folderOfDeclaration = (file: string): string => dirname(resolve(file))

const unusable = (reason: string, cause?: unknown): CountersignError =>
  new CountersignError('BOOK_FILE_UNUSABLE', reason, { cause })
