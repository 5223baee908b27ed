import { once } from 'node:events'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { SqlWriter } from '../sql/engine.ts'
import type { Value } from '../tables.ts'
import { encodeCopy, OIDS } from './copy-encoder.ts'
import { runPrepared } from './prepared.ts'
import { escapeText } from './text-escape.ts'

/** Statements that one message carries at most. */
const STATEMENTS_A_MESSAGE = 500
/** Fewer rows than this go in with a statement: COPY takes a round trip more. */
const ROWS_WORTH_A_COPY = 8

const TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(OIDS).map(([name, oid]) => [oid, name]),
)

/** What is written on one connection, within its transaction. */
export function createPostgresWriter(client: pg.Client): SqlWriter {
  const oidsOfTables = new Map<string, Promise<Map<string, number>>>()
  const prepared = new Map<string, string>()

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

  async function insertArrays(
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

  return {
    hasLateral: true,
    query: (sql, ...values) => runPrepared(client, sql, values),
    async insertRows(table, columns, values) {
      if (values.length === 0) return
      if (values.length < ROWS_WORTH_A_COPY * columns.length) await insertArrays(table, columns, values, '')
      else await copy(table, columns, values)
    },
    async upsertRows(table, columns, values, onConflict) {
      if (values.length > 0) await insertArrays(table, columns, values, onConflict)
    },
    // A round trip for each would take longer than what it does.
    async runMany(sql, rows) {
      if (rows.length === 0) return
      if (rows.length === 1) {
        await runPrepared(client, sql, rows[0]!)
        return
      }
      let name = prepared.get(sql)
      if (name === undefined) {
        name = `m${prepared.size + 1}`
        await client.query(`PREPARE ${name} AS ${sql}`)
        prepared.set(sql, name)
      }
      for (let at = 0; at < rows.length; at += STATEMENTS_A_MESSAGE)
        await client.query(
          rows
            .slice(at, at + STATEMENTS_A_MESSAGE)
            .map((values) => `EXECUTE ${name}(${values.map(literal).join(',')})`)
            .join(';'),
        )
    },
  }
}

function literal(value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return pg.escapeLiteral(escapeText(value))
  return `'\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}'`
}
