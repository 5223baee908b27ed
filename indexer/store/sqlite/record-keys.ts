import type { DatabaseSync } from 'node:sqlite'
import { POSITION_COLUMNS, type Value } from '../tables.ts'

/**
 * Keys are serials, or hashes: then every new one belongs on a page of its own in one large index, and SQLite writes whole pages.
 * So new keys go into a small index first, and from there, many at a time and in their order, into the large one: what a record
 * costs then hardly grows with how many there are. An entry has its key whole: serials of one moment begin alike, and
 * anybody may write keys that do.
 */
const MERGE_ROWS = 50_000
const POSITION = POSITION_COLUMNS.join(', ')

const table = (name: string): string => `
  CREATE TABLE ${name} (
    key BLOB NOT NULL,
    chain_id INTEGER NOT NULL,
    block_number INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    PRIMARY KEY (key, ${POSITION})
  ) WITHOUT ROWID;`

const removal = (name: string): string => `
    DELETE FROM ${name} WHERE key = old.key AND chain_id = old.chain_id
      AND block_number = old.block_number AND log_index = old.log_index AND entry_index = old.entry_index;`

/** In the place of the index that there was. Rows of `records` are inserted and deleted, never updated. */
export const RECORD_KEYS_SCHEMA = `
  DROP INDEX records_by_key;
  ${table('record_keys')}
  ${table('new_record_keys')}
  INSERT INTO record_keys SELECT key, ${POSITION} FROM records ORDER BY 1, 2, 3, 4, 5;
  CREATE TRIGGER record_key_added AFTER INSERT ON records BEGIN
    INSERT INTO new_record_keys VALUES
      (new.key, new.chain_id, new.block_number, new.log_index, new.entry_index);
  END;
  CREATE TRIGGER record_key_removed AFTER DELETE ON records BEGIN
    ${removal('new_record_keys')}
    ${removal('record_keys')}
  END;`

/** Who inserts records inserts their keys since. */
export const KEYS_WITHOUT_TRIGGER = 'DROP TRIGGER record_key_added;'

export const NEW_RECORD_KEYS = { table: 'new_record_keys', columns: ['key', ...POSITION_COLUMNS] } as const

/** Rows of `NEW_RECORD_KEYS` for rows of `records`. A trigger that adds them takes twice as long, of random keys far longer. */
export function newRecordKeysOf(columns: readonly string[], values: readonly Value[]): Value[] {
  const places = NEW_RECORD_KEYS.columns.map((column) => columns.indexOf(column))
  const keys: Value[] = []
  for (let row = 0; row < values.length; row += columns.length)
    for (const place of places) keys.push(values[row + place]!)
  return keys
}

const positionsIn = (name: string): string => `SELECT ${POSITION} FROM ${name} WHERE key = $1`

export const RECORDS_OF_KEY = `(${positionsIn('new_record_keys')} UNION ALL ${positionsIn('record_keys')}) k
  CROSS JOIN records r ON r.chain_id = k.chain_id AND r.block_number = k.block_number
    AND r.log_index = k.log_index AND r.entry_index = k.entry_index`

const place = (a: string, b: string): string =>
  `${b}.chain_id = ${a}.chain_id AND ${b}.block_number = ${a}.block_number AND ${b}.log_index = ${a}.log_index
    AND ${b}.entry_index = ${a}.entry_index AND ${b}.key = ${a}.key`
const placeOf = (a: string): string => `${a}.chain_id, ${a}.block_number, ${a}.log_index, ${a}.entry_index`

/** Of each record its key is there once, and of nothing else. */
export const KEY_FAULTS = [
  {
    table: 'records',
    reason: 'its key is not in the index of keys',
    sql: `SELECT ${placeOf('r')} FROM records r
      WHERE NOT EXISTS (SELECT 1 FROM record_keys k WHERE ${place('r', 'k')})
        AND NOT EXISTS (SELECT 1 FROM new_record_keys k WHERE ${place('r', 'k')})`,
  },
  ...['record_keys', 'new_record_keys'].map((table) => ({
    table,
    reason: 'there is no record of this key at its place',
    sql: `SELECT ${placeOf('k')} FROM ${table} k
      WHERE NOT EXISTS (SELECT 1 FROM records r WHERE ${place('k', 'r')})`,
  })),
  {
    table: 'new_record_keys',
    reason: 'it is in the index of keys twice',
    sql: `SELECT ${placeOf('n')} FROM new_record_keys n
      WHERE EXISTS (SELECT 1 FROM record_keys k WHERE ${place('n', 'k')})`,
  },
]

/** To be called at the end of every transaction; mostly it does nothing. */
export function createKeyMerge(db: DatabaseSync): () => void {
  const changes = db.prepare('SELECT total_changes() AS count')
  const rows = db.prepare('SELECT COUNT(*) AS count FROM new_record_keys')
  let nextLook = 0
  return () => {
    const { count } = changes.get() as { count: number }
    if (count < nextLook) return
    const waiting = (rows.get() as { count: number }).count
    if (waiting < MERGE_ROWS) {
      // It cannot have gained more rows than rows were changed.
      nextLook = count + MERGE_ROWS - waiting
      return
    }
    db.exec('INSERT INTO record_keys SELECT * FROM new_record_keys; DELETE FROM new_record_keys')
    nextLook = count + MERGE_ROWS
  }
}
