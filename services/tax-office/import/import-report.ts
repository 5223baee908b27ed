import type { Writable } from 'node:stream'
import type { ImportedRow } from './imported-row.ts'

export type ReportFormat = 'csv' | 'json-lines'

/** One line of a report. `column` and `reason` never hold what stands in the file. */
interface ReportLine {
  line: number
  outcome: 'refused' | 'skipped' | 'duplicate'
  column: string
  code: string
  reason: string
}

const HEADING = 'line,outcome,column,code,reason\n'

/**
 * Passes rows on and writes to `out` what became of those that are no record: for each refusal a line with the row's line, the column, a
 * code and a reason, without personal content. `out` is the caller's to end.
 * @throws what `out` fails with
 */
export async function* reported(
  rows: AsyncIterable<ImportedRow>,
  out: Writable,
  format: ReportFormat,
): AsyncGenerator<ImportedRow, void, undefined> {
  if (format === 'csv') await write(out, HEADING)
  for await (const row of rows) {
    const text = reportText(row, format)
    if (text !== '') await write(out, text)
    yield row
  }
}

/** The lines of a report about one row; none for a record. */
export const reportText = (row: ImportedRow, format: ReportFormat): string =>
  linesOf(row)
    .map((line) => (format === 'csv' ? csvLine(line) : `${JSON.stringify(line)}\n`))
    .join('')

function linesOf(row: ImportedRow): ReportLine[] {
  const { line } = row
  if ('record' in row) return []
  if ('skipped' in row)
    return [{ line, outcome: 'skipped', column: '', code: 'SKIPPED', reason: row.skipped }]
  if ('duplicateOf' in row)
    return [
      {
        line,
        outcome: 'duplicate',
        column: '',
        code: 'DUPLICATE',
        reason: `same as line ${row.duplicateOf}`,
      },
    ]
  return row.refusals.map(({ column = '', code, reason }) => ({
    line,
    outcome: 'refused',
    column,
    code,
    reason,
  }))
}

const csvLine = ({ line, outcome, column, code, reason }: ReportLine): string =>
  `${[String(line), outcome, column, code, reason].map(csvField).join(',')}\n`

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

const write = (out: Writable, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    out.write(text, (error) => (error ? reject(error) : resolve()))
  })
