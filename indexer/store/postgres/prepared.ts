import type pg from 'pg'
import type { Columns } from '../sql/engine.ts'
import type { Value } from '../tables.ts'
import { escapeText } from './text-escape.ts'

const names = new Map<string, string>()

/** One name for each text, on every connection. The texts are those of this program, so there are few. */
function nameOf(sql: string): string {
  let name = names.get(sql)
  if (name === undefined) {
    name = `s${names.size + 1}`
    names.set(sql, name)
  }
  return name
}

const toParameter = (value: unknown): unknown =>
  typeof value === 'string'
    ? escapeText(value)
    : Array.isArray(value)
      ? value.map(toParameter)
      : value instanceof Uint8Array && !Buffer.isBuffer(value)
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        : value

/** A prepared statement, whose rows come as arrays. */
export async function runPrepared(
  client: pg.ClientBase | pg.Pool,
  sql: string,
  values: readonly (Value | readonly Value[])[],
): Promise<Columns[]> {
  const { rows } = await client.query<unknown[]>({
    name: nameOf(sql),
    text: sql,
    values: values.map(toParameter),
    rowMode: 'array',
  })
  return rows
}
