import { compareRows, type DumpedRow, nameOf, parseRow } from './dump-line.ts'
import type { Findings } from './findings.ts'

/**
 * Holds two dumps against each other, row by row, with one row of each in memory.
 * @param isCompared which rows count; others are passed over on both sides
 * @returns how many rows of the first were held against the second
 */
export async function compareDumps(
  stored: AsyncIterable<string>,
  expected: AsyncIterable<string>,
  isCompared: (row: DumpedRow) => boolean,
  findings: Findings,
  progress: (rows: number) => void = () => {},
): Promise<number> {
  const ours = rowsOf(stored, isCompared)
  const theirs = rowsOf(expected, isCompared)
  let rows = 0
  try {
    let a = await next(ours)
    let b = await next(theirs)
    while (a !== undefined || b !== undefined) {
      const order = a === undefined ? 1 : b === undefined ? -1 : compareRows(a, b)
      if (order < 0) {
        findings.add({ kind: 'surplus', table: a!.table, row: nameOf(a!), stored: a!.line })
        a = await next(ours)
      } else if (order > 0) {
        findings.add({ kind: 'missing', table: b!.table, row: nameOf(b!), expected: b!.line })
        b = await next(theirs)
        continue
      } else {
        if (a!.line !== b!.line)
          findings.add({
            kind: 'different',
            table: a!.table,
            row: nameOf(a!),
            stored: a!.line,
            expected: b!.line,
          })
        a = await next(ours)
        b = await next(theirs)
      }
      rows++
      progress(rows)
    }
  } finally {
    await ours.return(undefined)
    await theirs.return(undefined)
  }
  return rows
}

async function next(rows: AsyncGenerator<DumpedRow>): Promise<DumpedRow | undefined> {
  const { done, value } = await rows.next()
  return done ? undefined : value
}

async function* rowsOf(
  lines: AsyncIterable<string>,
  isCompared: (row: DumpedRow) => boolean,
): AsyncGenerator<DumpedRow> {
  for await (const line of lines) {
    const row = parseRow(line)
    // Heads and checkpoints come after the rows, and are compared in another way.
    if (row === undefined) return
    if (isCompared(row)) yield row
  }
}
