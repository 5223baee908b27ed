import { type Refusal, refusal } from './imported-row.ts'
import { faultOfRowText, rowRefused, type SourceRow, sourceRow } from './source-row.ts'
import { type TextLine, textLines } from './text-lines.ts'

/** The rows of a file with one JSON object a line, in batches: of each the texts of `columns`. Blank lines are no rows. */
export async function* jsonRows(
  source: AsyncIterable<Uint8Array>,
  columns: readonly string[],
): AsyncGenerator<SourceRow[]> {
  for await (const lines of textLines(source))
    yield lines
      .filter(({ text, isTooLong }) => isTooLong || text.trim() !== '')
      .map((line) => rowOf(line, columns))
}

function rowOf({ number, text, isTooLong }: TextLine, columns: readonly string[]): SourceRow {
  const fault = faultOfRowText(text, isTooLong)
  if (fault !== undefined) return rowRefused(number, fault)
  const members = membersOf(text)
  if (members === undefined)
    return rowRefused(
      number,
      refusal('ROW_MALFORMED', 'the line is not one JSON object with each member once'),
    )
  const refusals: Refusal[] = []
  const cells = columns.map((column) => {
    const value = members.get(column) ?? null
    if (value === null) return ''
    if (typeof value === 'string') return value
    refusals.push(refusal('CELL_NOT_TEXT', 'the member is an object or a list', column))
    return ''
  })
  return refusals.length > 0 ? rowRefused(number, ...refusals) : sourceRow(number, cells, columns)
}

const STRINGS = /"(?:[^"\\]|\\.)*"/g

/**
 * The members of a line's object; numbers as they are written, since 0.10 and 20 digits are more than a double tells.
 * @returns undefined when the line is no JSON object, or has a member twice
 */
function membersOf(text: string): Map<string, unknown> | undefined {
  let members = 0
  try {
    const value = JSON.parse(text, function (this: unknown, _key, value, context?: { source?: string }) {
      if (!Array.isArray(this)) members++
      return ['number', 'boolean'].includes(typeof value) ? context?.source : value
    } as (this: unknown, key: string, value: unknown) => unknown)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    // Each member has one colon; of equal ones the parser kept the last. The root counts as a member of its own.
    const colons = text.replaceAll(STRINGS, '').split(':').length - 1
    return colons === members - 1 ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}
