import { once } from 'node:events'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { SqlWriter } from '../sql/engine.ts'
import type { Value } from '../tables.ts'
import { encodeCopy, OIDS } from './copy-encoder.ts'
import type { Pipeline } from './pipeline.ts'
import { runPrepared } from './prepared.ts'

/** Fewer rows than this go in one by one, with what is sent anyway: COPY and arrays take messages of their own. */
const ROWS_WORTH_A_MESSAGE = 8

const TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(OIDS).map(([name, oid]) => [oid, name]),
)

/** What is written on one connection, within its transaction. */
export function createPostgresWriter(client: pg.Client, pipeline: Pipeline): SqlWriter {
  const oidsOfTables = new Map<string, Promise<Map<string, number>>>()

  /** As the catalogue has them, so that they are written down once, in the migrations. */
  async function oidsOf(table: string, columns: readonly string[]): Promise<number[]> {
    let known = oidsOfTables.get(table)
    if (known === undefined) {
      known = runPrepared(
        client,
        'SELECT attname::text, atttypid::int FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0',
        [table],
      ).then((rows) => new Map(rows.map(([name, oid]) => [name as string, oid as number])))
      oidsOfTables.set(table, known)
      known.catch(() => oidsOfTables.delete(table))
    }
    const oids = await known
    return columns.map((column) => oids.get(column)!)
  }

  async function upsertArrays(
    table: string,
    columns: readonly string[],
    values: readonly Value[],
    onConflict: string,
  ): Promise<void> {
    const oids = await oidsOf(table, columns)
    const width = columns.length
    const arrays = columns.map((_, column) =>
      Array.from({ length: values.length / width }, (_, row) => values[row * width + column]!),
    )
    const parameters = oids.map((oid, i) => `$${i + 1}::${TYPE_NAMES[oid]}[]`)
    await runPrepared(
      client,
      `INSERT INTO ${table} (${columns.join(', ')}) SELECT * FROM unnest(${parameters.join(', ')}) ${onConflict}`,
      arrays,
    )
  }

  async function copy(table: string, columns: readonly string[], values: readonly Value[]): Promise<void> {
    // Made before COPY begins: from then on the connection waits for it.
    const rows = encodeCopy(await oidsOf(table, columns), values)
    const stream = client.query(copyFrom(`COPY ${table} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`))
    // A connection that breaks may say so twice.
    stream.on('error', () => {})
    const finished = once(stream, 'finish')
    stream.end(rows)
    await finished
  }

  /** Row by row: the server has prepared it for one, whose values it takes as the columns' types. */
  async function insertFew(
    table: string,
    columns: readonly string[],
    values: readonly Value[],
    onConflict: string,
  ): Promise<void> {
    const places = columns.map((_, i) => `$${i + 1}`).join(', ')
    const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places}) ${onConflict}`
    for (let at = 0; at < values.length; at += columns.length)
      await pipeline.send(sql, values.slice(at, at + columns.length))
  }

  const areFew = (columns: readonly string[], values: readonly Value[]): boolean =>
    values.length < ROWS_WORTH_A_MESSAGE * columns.length

  return {
    hasLateral: true,
    query: (sql, ...values) => pipeline.query(sql, values),
    send: (sql, ...values) => pipeline.send(sql, values),
    async insertRows(table, columns, values) {
      if (areFew(columns, values)) await insertFew(table, columns, values, '')
      else await pipeline.alone(() => copy(table, columns, values))
    },
    async upsertRows(table, columns, values, onConflict) {
      if (areFew(columns, values)) await insertFew(table, columns, values, onConflict)
      else await pipeline.alone(() => upsertArrays(table, columns, values, onConflict))
    },
    async runMany(sql, rows) {
      for (const values of rows) await pipeline.send(sql, values)
    },
  }
}
