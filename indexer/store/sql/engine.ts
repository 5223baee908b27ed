import type { Value } from '../tables.ts'

/** A row's values in the order of the columns asked for: half the time of objects. Bytes are a Uint8Array, integers numbers. */
export type Columns = readonly unknown[]

/**
 * SQL is written once for both engines, with `$1`, `$2`, … for values, and prepared once for each text. `LIMIT` of a bare
 * value would make SQLite prepare a statement again with every use: it is written `LIMIT CAST($1 AS BIGINT)`.
 */
export interface SqlReader {
  query(sql: string, ...values: Value[]): Promise<Columns[]>
}

/** Within a write transaction. */
export interface SqlWriter extends SqlReader {
  /** A table may be joined anew for each row before it: a planner then has no other way. */
  readonly hasLateral: boolean
  /**
   * A statement whose answer nobody needs. It may be on its way until something is asked or the transaction ends; what is wrong with it
   * is said then. So it is with those below.
   */
  send(sql: string, ...values: Value[]): Promise<void>
  /** One statement with each of these rows of values. */
  runMany(sql: string, rows: readonly (readonly Value[])[]): Promise<void>
  /** @param values of whole rows, one after the other */
  insertRows(table: string, columns: readonly string[], values: readonly Value[]): Promise<void>
  /** The same, with what to do about a row that is there: `ON CONFLICT …`. No row twice. */
  upsertRows(
    table: string,
    columns: readonly string[],
    values: readonly Value[],
    onConflict: string,
  ): Promise<void>
}

/** Everything as it was at one moment, while others write. */
export interface SqlSnapshot {
  iterate(sql: string): AsyncIterable<Columns>
  /** Lets others begin at this moment, until it is closed. */
  share?(): Promise<string>
  close(): Promise<void>
}

/** What a database engine does in its own way; all else is shared. `query` sees committed rows only. */
export interface SqlEngine extends SqlReader {
  readonly isShared: boolean
  /** An expression for the bytes of these columns, one after the other, as lower-case hexadecimal digits. */
  hexOf(...columns: string[]): string
  /** Rows `r` of the table of records, among which are all those whose key is `$1`. */
  readonly recordsOfKey: string
  /** Where an engine finds records by an index of its own: statements that give the places of what is wrong with that. */
  readonly keyFaults?: readonly { table: string; sql: string; reason: string }[]
  /** Joins each row's block, as `b`, to rows of a table called `r`. */
  readonly withBlock: string
  /** One transaction at a time, on disk when the promise resolves. */
  write<Result>(work: (writer: SqlWriter) => Promise<Result>): Promise<Result>
  /** @param moment what `share` of another snapshot gave, on engines that have it: of the same moment as that */
  snapshot(moment?: string): Promise<SqlSnapshot>
  close(): Promise<void>
}
