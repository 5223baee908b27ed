import Table from 'cli-table3'
import type { Check } from '../../protocol/verification.ts'

/** The one document that a script prints on stdout with `--json`. Talk goes to stderr. */
export const printJson = (document: unknown): void => {
  process.stdout.write(`${JSON.stringify(document)}\n`)
}

/** A table for people, on stdout. */
export function printTable(head: string[], rows: (string | number)[][]): void {
  const table = new Table({ head, style: { head: [], border: [] } })
  table.push(...rows)
  process.stdout.write(`${table.toString()}\n`)
}

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
