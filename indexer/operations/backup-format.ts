import { createHash } from 'node:crypto'
import { CountersignError } from '../../protocol/errors.ts'
import type { TableRows, Value } from '../store/tables.ts'

/**
 * A backup is lines of JSON, compressed by gzip: a header, parts of tables, and an end that says how many rows there were and the
 * SHA-256 of all bytes before it. Values are JSON's own, and bytes are `["base64"]`.
 */
export interface BackupHeader {
  format: 'countersign-index-backup'
  version: 1
  /** ISO 8601. */
  createdAt: string
  chains: { chainId: number; genesisHash: string; block: number; blockHash: string }[]
}

export interface BackupSummary {
  header: BackupHeader
  rows: number
  /** SHA-256 of the lines before the end, in hex. */
  digest: string
}

/** A line of a table's part is about a fifth of a megabyte; nothing that was written here is longer than this. */
const MAX_LINE_BYTES = 256 * 1024 * 1024
const NEWLINE = 0x0a

export const invalid = (reason: string, cause?: unknown): CountersignError =>
  new CountersignError('BACKUP_INVALID', reason, cause === undefined ? {} : { cause })

type Encoded = number | string | null | [string]

const encodeValue = (value: Value | bigint | boolean): Encoded => {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('base64')]
  return typeof value === 'bigint' || typeof value === 'boolean' ? Number(value) : value
}

function decodeValue(value: unknown): Value {
  if (value === null || typeof value === 'string' || Number.isSafeInteger(value)) return value as Value
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string')
    return Buffer.from(value[0], 'base64')
  throw invalid('it has a value of no known form')
}

/** @returns after the last line, what the lines held */
export async function* encodeBackup(
  header: BackupHeader,
  parts: AsyncIterable<TableRows>,
): AsyncGenerator<string, BackupSummary> {
  const hash = createHash('sha256')
  let rows = 0
  const line = (content: unknown): string => {
    const text = `${JSON.stringify(content)}\n`
    hash.update(text)
    return text
  }
  yield line(header)
  for await (const part of parts) {
    rows += part.rows.length
    yield line({
      table: part.table,
      columns: part.columns,
      rows: part.rows.map((row) => row.map(encodeValue)),
    })
  }
  const digest = hash.digest('hex')
  yield `${JSON.stringify({ end: { rows, digest } })}\n`
  return { header, rows, digest }
}

/**
 * Gives a backup's parts one after the other. Only when the last one was taken is it known that none was altered or is missing.
 * @throws BACKUP_INVALID
 */
export async function* decodeBackup(chunks: AsyncIterable<Buffer>): AsyncGenerator<TableRows, BackupSummary> {
  const hash = createHash('sha256')
  let header: BackupHeader | undefined
  let end: { rows: number; digest: string } | undefined
  let rows = 0
  for await (const line of linesOf(chunks)) {
    if (end !== undefined) throw invalid('it goes on after its end')
    const content = parseLine(line)
    if (header === undefined) header = toHeader(content)
    else if ('end' in content) {
      end = content.end as { rows: number; digest: string }
      continue
    } else {
      const part = toPart(content)
      rows += part.rows.length
      yield part
    }
    hash.update(line).update('\n')
  }
  const digest = hash.digest('hex')
  if (header === undefined) throw invalid('it is empty')
  if (end === undefined) throw invalid('it has no end: it was cut short')
  if (end.rows !== rows || end.digest !== digest)
    throw invalid('its contents are not those it was written with')
  return { header, rows, digest }
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const last = chunk.subarray(from, at)
      yield pending.length === 0 ? last : Buffer.concat([...pending, last])
      pending = []
      size = 0
      from = at + 1
    }
    if (from === chunk.length) continue
    pending.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > MAX_LINE_BYTES) throw invalid('it has a line that no backup has')
  }
  if (size > 0) throw invalid('it has no end: it was cut short')
}

function parseLine(line: Buffer): Record<string, unknown> {
  try {
    const content: unknown = JSON.parse(line.toString('utf8'))
    if (typeof content === 'object' && content !== null) return content as Record<string, unknown>
  } catch (cause) {
    throw invalid('it has a line that is not JSON', cause)
  }
  throw invalid('it has a line that is no object')
}

function toHeader(content: Record<string, unknown>): BackupHeader {
  if (content.format !== 'countersign-index-backup') throw invalid('it is not a backup of an index')
  if (content.version !== 1)
    throw invalid(`it has version ${String(content.version)}, of which this program knows only 1`)
  return content as unknown as BackupHeader
}

function toPart({ table, columns, rows }: Record<string, unknown>): TableRows {
  if (
    typeof table !== 'string' ||
    !Array.isArray(columns) ||
    !Array.isArray(rows) ||
    !columns.every((column) => typeof column === 'string') ||
    !rows.every(Array.isArray)
  )
    throw invalid('it has a line that is no part of a table')
  return { table, columns, rows: rows.map((row: unknown[]) => row.map(decodeValue)) }
}
