import Table from 'cli-table3'
import type { Check } from '../../protocol/verification.ts'

/**
 * Lets a script end as it would have when whoever reads its output has seen enough (`| head -1`): what is written from then on
 * goes nowhere, the exit code stays that of what the script found.
 */
export function survivePipeCut(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
}

/** The one document that a script prints on stdout with `--json`. Talk goes to stderr. */
export const printJson = (document: unknown): void => {
  process.stdout.write(`${JSON.stringify(document)}\n`)
}

/** A table for people, on stdout, as wide as the terminal: the last column gives way, long words are broken. */
export function printTable(head: string[], rows: (string | number)[][]): void {
  const table = new Table({
    head,
    style: { head: [], border: [] },
    colWidths: columnWidths(head, rows),
    wordWrap: true,
    wrapOnWordBoundary: false,
  })
  table.push(...rows)
  process.stdout.write(`${table.toString()}\n`)
}

const DEFAULT_WIDTH = 120
const MIN_LAST_COLUMN = 30
/** Two spaces and a border. */
const COLUMN_FRAME = 3

function columnWidths(head: string[], rows: (string | number)[][]): number[] {
  const widths = head.map((title, i) => {
    const lines = rows.flatMap((row) => String(row[i] ?? '').split('\n'))
    return Math.max(title.length, ...lines.map(cellsOf)) + COLUMN_FRAME - 1
  })
  const others = widths.slice(0, -1).reduce((sum, width) => sum + width + 1, 1)
  const room = (process.stdout.columns || DEFAULT_WIDTH) - others - 1
  widths.push(Math.min(widths.pop()!, Math.max(room, MIN_LAST_COLUMN)))
  return widths
}

/** East Asian wide and full-width characters (UAX #11) take two cells of a terminal. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/g

const cellsOf = (line: string): number => line.length + (line.match(WIDE)?.length ?? 0)

/** A name from outside, without what would steer a terminal or turn the direction of text. */
export const visible = (name: string): string =>
  name.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

/** A line of talk, on stderr, so that stdout stays what was asked for. */
export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

const MARKS: Record<Check['outcome'], string> = { passed: 'ok', failed: 'FAILED', 'not-checked': '-' }

export const printChecks = (checks: readonly Check[]): void =>
  printTable(
    ['check', 'outcome', 'detail'],
    checks.map(({ name, outcome, detail }) => [name, MARKS[outcome], detail]),
  )
