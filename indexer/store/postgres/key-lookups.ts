import type { Columns, SqlEngine } from '../sql/engine.ts'
import { CHAIN_ORDER, MAX_ORPHANS, type RecordReader, START } from '../sql/record-reader.ts'
import { orphanedRecordColumns, recordColumns, toOrphanedRecord, toRecord } from '../sql/row-mapping.ts'
import type { KeyPage } from '../store.ts'
import type { Value } from '../tables.ts'
import { JoinedLookups } from './joined-lookups.ts'

/** A query whose values may be arrays. */
export type ArrayQuery = (sql: string, values: readonly (Value | readonly Value[])[]) => Promise<Columns[]>

/** Lookups by key, those of one moment in one statement. */
export function createKeyLookups(
  engine: SqlEngine,
  query: ArrayQuery,
  mayHaveOrphans: () => boolean,
): Pick<RecordReader, 'findOrphanedRecords'> & {
  findPage(key: Uint8Array, page: KeyPage): ReturnType<RecordReader['findRecords']>
} {
  // Adding nothing to the first column has the rows of a key sorted, instead of all rows walked through in their order.
  // The rows of each stay together, in their order; the last column says whose they are.
  const pages = `
    SELECT r.*, k.n FROM unnest($1::bytea[], $2::bytea[], $3::int8[], $4::int8[], $5::int4[], $6::int4[])
      WITH ORDINALITY AS k(key, author, chain_id, block_number, log_index, entry_index, n)
    CROSS JOIN LATERAL (
      SELECT ${recordColumns(engine)} FROM (
        SELECT * FROM records r
        WHERE r.key = k.key AND (k.author IS NULL OR r.author = k.author)
          AND (r.chain_id, r.block_number, r.log_index, r.entry_index)
            > (k.chain_id, k.block_number, k.log_index, k.entry_index)
        ORDER BY r.chain_id + 0, r.block_number, r.log_index, r.entry_index LIMIT $7
      ) r ${engine.withBlock}
    ) r`
  const orphans = `
    SELECT r.*, k.n FROM unnest($1::bytea[]) WITH ORDINALITY AS k(key, n)
    CROSS JOIN LATERAL (
      SELECT ${orphanedRecordColumns(engine)} FROM orphaned_records r WHERE r.key = k.key
      ORDER BY r.orphaned_at, ${CHAIN_ORDER} LIMIT ${MAX_ORPHANS}
    ) r`
  const distribute = (rows: readonly Columns[], count: number): Columns[][] => {
    const found: Columns[][] = Array.from({ length: count }, () => [])
    for (const row of rows) found[(row.at(-1) as number) - 1]!.push(row)
    return found
  }
  const column = (lookups: readonly (readonly Value[])[], i: number) => lookups.map((values) => values[i]!)

  const joinedPages = new JoinedLookups(async (lookups) => {
    const arrays = [0, 1, 2, 3, 4, 5].map((i) => column(lookups, i))
    // One limit for all: who asked for less takes the first ones.
    const limit = Math.max(...(column(lookups, 6) as number[]))
    return distribute(await query(pages, [...arrays, limit]), lookups.length)
  })
  const joinedOrphans = new JoinedLookups(async (lookups) =>
    distribute(await query(orphans, [column(lookups, 0)]), lookups.length),
  )

  return {
    async findPage(key, { author, after, limit }) {
      const { chainId, blockNumber, logIndex, entryIndex } = after ?? START
      const rows = await joinedPages.find(
        key,
        author ?? null,
        chainId,
        blockNumber,
        logIndex,
        entryIndex,
        limit,
      )
      return (rows.length > limit ? rows.slice(0, limit) : rows).map(toRecord)
    },
    findOrphanedRecords: async (key) =>
      mayHaveOrphans() ? (await joinedOrphans.find(key)).map(toOrphanedRecord) : [],
  }
}
