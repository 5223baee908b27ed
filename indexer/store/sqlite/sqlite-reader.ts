import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { hexToBytes } from '../../../protocol/hex.ts'
import type { StoreReader } from '../store.ts'
import {
  ORPHANED_RECORD_COLUMNS,
  PARTICIPANT_EVENT_COLUMNS,
  RECORD_COLUMNS,
  toBlock,
  toOrphanedRecord,
  toParticipantEvent,
  toRecord,
} from './row-mapping.ts'

/** A prepared query whose rows come as arrays and leave as what `map` makes of them. */
export function query<Row>(db: DatabaseSync, sql: string, map: (columns: readonly unknown[]) => Row) {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  return {
    all: (...values: SQLInputValue[]): Row[] => (statement.all(...values) as unknown as unknown[][]).map(map),
    get(...values: SQLInputValue[]): Row | undefined {
      const columns = statement.get(...values) as unknown as unknown[] | undefined
      return columns === undefined ? undefined : map(columns)
    },
  }
}

const WITH_BLOCK = 'JOIN blocks b ON b.chain_id = r.chain_id AND b.number = r.block_number'
const CHAIN_ORDER = 'r.chain_id, r.block_number, r.log_index, r.entry_index'

const START = { chainId: -1, blockNumber: -1, logIndex: -1, entryIndex: -1 }

/** @param hasOrphans asked before each look into the orphans: mostly there are none, and a lookup saves a query */
export function createSqliteReader(db: DatabaseSync, hasOrphans: () => boolean): StoreReader {
  const recordsByKey = query(
    db,
    `SELECT ${RECORD_COLUMNS} FROM records r ${WITH_BLOCK} WHERE r.key = ? ORDER BY ${CHAIN_ORDER}`,
    toRecord,
  )
  const recordPage = query(
    db,
    `SELECT ${RECORD_COLUMNS} FROM records r ${WITH_BLOCK}
     WHERE r.key = ?1 AND (r.chain_id, r.block_number, r.log_index, r.entry_index) > (?2, ?3, ?4, ?5)
       AND (?6 IS NULL OR r.author = ?6)
     ORDER BY ${CHAIN_ORDER} LIMIT ?7`,
    toRecord,
  )
  const orphansByKey = query(
    db,
    `SELECT ${ORPHANED_RECORD_COLUMNS} FROM orphaned_records r WHERE r.key = ? ORDER BY r.orphaned_at, ${CHAIN_ORDER} LIMIT 100`,
    toOrphanedRecord,
  )
  const recordsByAuthor = query(
    db,
    `SELECT ${RECORD_COLUMNS} FROM records r ${WITH_BLOCK}
     WHERE r.author = ?1 AND r.contract_id = ?2 AND r.block_number <= ?3
       AND (r.block_number, r.log_index, r.entry_index) > (?4, ?5, ?6)
       AND b.time >= ?7 AND b.time < ?8
     ORDER BY r.block_number, r.log_index, r.entry_index LIMIT ?9`,
    toRecord,
  )
  const earlierRecord = query(
    db,
    `SELECT 1 FROM records WHERE key = ? AND author = ? AND contract_id = ?
       AND (block_number, log_index, entry_index) < (?, ?, ?) LIMIT 1`,
    () => true,
  )
  const participantEvents = query(
    db,
    `SELECT ${PARTICIPANT_EVENT_COLUMNS} FROM participant_events r ${WITH_BLOCK} WHERE r.contract_id = ? ORDER BY ${CHAIN_ORDER}`,
    toParticipantEvent,
  )
  const block = query(db, 'SELECT number, hash, time FROM blocks WHERE chain_id = ? AND number = ?', toBlock)
  const lastBlock = query(
    db,
    'SELECT number, hash, time FROM blocks WHERE chain_id = ? AND number <= ? ORDER BY number DESC LIMIT 1',
    toBlock,
  )
  return {
    findRecords: async (key, page) => {
      if (page === undefined) return recordsByKey.all(key)
      const { chainId, blockNumber, logIndex, entryIndex } = page.after ?? START
      return recordPage.all(key, chainId, blockNumber, logIndex, entryIndex, page.author ?? null, page.limit)
    },
    findOrphanedRecords: async (key) => (hasOrphans() ? orphansByKey.all(key) : []),
    listRecords: async ({ author, contractId, toBlock, fromTime, toTime, after, limit }) =>
      recordsByAuthor.all(
        author,
        contractId,
        toBlock,
        after?.blockNumber ?? -1,
        after?.logIndex ?? -1,
        after?.entryIndex ?? -1,
        fromTime ?? 0,
        toTime ?? Number.MAX_SAFE_INTEGER,
        limit,
      ),
    hasEarlierRecord: async (record) =>
      earlierRecord.get(
        hexToBytes(record.key),
        hexToBytes(record.author),
        record.contractId,
        record.blockNumber,
        record.logIndex,
        record.entryIndex,
      ) === true,
    listParticipantEvents: async (contractId) => participantEvents.all(contractId),
    findBlock: async (chainId, number) => block.get(chainId, number),
    findLastBlock: async (chainId, upTo) => lastBlock.get(chainId, upTo),
  }
}
