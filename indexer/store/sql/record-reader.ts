import { hexToBytes } from '../../../protocol/hex.ts'
import type { RecordRow, StoreReader } from '../store.ts'
import type { SqlEngine } from './engine.ts'
import {
  orphanedRecordColumns,
  PARTICIPANT_EVENT_COLUMNS,
  recordColumns,
  toBlock,
  toOrphanedRecord,
  toParticipantEvent,
  toRecord,
} from './row-mapping.ts'

export const CHAIN_ORDER = 'r.chain_id, r.block_number, r.log_index, r.entry_index'
/** Of one key: anybody may write any number, and a chain that wavers orphans them again and again. */
export const MAX_ORPHANS = 100
export const START = { chainId: -1, blockNumber: -1, logIndex: -1, entryIndex: -1 }

export type RecordReader = Pick<
  StoreReader,
  | 'findRecords'
  | 'findOrphanedRecords'
  | 'listRecords'
  | 'hasEarlierRecord'
  | 'listParticipantEvents'
  | 'findBlock'
  | 'findLastBlock'
>

/** @param hasOrphans asked before each look into the orphans: mostly there are none, and a lookup saves a query */
export function createRecordReader(engine: SqlEngine, hasOrphans: () => boolean): RecordReader {
  const RECORD_COLUMNS = recordColumns(engine)
  const WITH_BLOCK = engine.withBlock
  const recordsByKey = `SELECT ${RECORD_COLUMNS} FROM ${engine.recordsOfKey} ${WITH_BLOCK} WHERE r.key = $1 ORDER BY ${CHAIN_ORDER}`
  const pageOf = (condition: string) => `
    SELECT ${RECORD_COLUMNS} FROM ${engine.recordsOfKey} ${WITH_BLOCK}
    WHERE r.key = $1 AND (r.chain_id, r.block_number, r.log_index, r.entry_index) > ($2, $3, $4, $5) ${condition}
    ORDER BY ${CHAIN_ORDER} LIMIT CAST($6 AS BIGINT)`
  const recordPage = pageOf('')
  const recordPageOfAuthor = pageOf('AND r.author = $7')
  // What most lookups need, in half the time: without an order that nearly always a single row has to be put in.
  const anyRecords = `SELECT ${RECORD_COLUMNS} FROM ${engine.recordsOfKey} ${WITH_BLOCK} WHERE r.key = $1 LIMIT CAST($2 AS BIGINT)`
  const anyRecordsOfAuthor = `SELECT ${RECORD_COLUMNS} FROM ${engine.recordsOfKey} ${WITH_BLOCK}
    WHERE r.key = $1 AND r.author = $3 LIMIT CAST($2 AS BIGINT)`
  const orphansByKey = `
    SELECT ${orphanedRecordColumns(engine)} FROM orphaned_records r WHERE r.key = $1
    ORDER BY r.orphaned_at, ${CHAIN_ORDER} LIMIT ${MAX_ORPHANS}`
  const recordsByAuthor = `
    SELECT ${RECORD_COLUMNS} FROM records r ${WITH_BLOCK}
    WHERE r.author = $1 AND r.contract_id = $2 AND r.block_number <= $3
      AND (r.block_number, r.log_index, r.entry_index) > ($4, $5, $6)
      AND b.time >= $7 AND b.time < $8
    ORDER BY r.block_number, r.log_index, r.entry_index LIMIT CAST($9 AS BIGINT)`
  // The author in an expression, so that no planner takes the index by author: it would read all that the author wrote before.
  const earlierRecord = `
    SELECT 1 FROM ${engine.recordsOfKey}
    WHERE r.key = $1 AND CASE WHEN r.key = $1 THEN r.author END = $2 AND r.contract_id = $3
      AND (r.block_number, r.log_index, r.entry_index) < ($4, $5, $6) LIMIT 1`
  const participantEvents = `
    SELECT ${PARTICIPANT_EVENT_COLUMNS} FROM participant_events r ${WITH_BLOCK}
    WHERE r.contract_id = $1 ORDER BY ${CHAIN_ORDER}`
  const block = 'SELECT number, hash, time FROM blocks WHERE chain_id = $1 AND number = $2'
  const lastBlock =
    'SELECT number, hash, time FROM blocks WHERE chain_id = $1 AND number <= $2 ORDER BY number DESC LIMIT 1'

  return {
    findRecords: async (key, page) => {
      if (page === undefined) return (await engine.query(recordsByKey, key)).map(toRecord)
      if (page.after === undefined) {
        const some =
          page.author === undefined
            ? await engine.query(anyRecords, key, page.limit)
            : await engine.query(anyRecordsOfAuthor, key, page.limit, page.author)
        // As many as were asked for may not be the first ones.
        if (some.length < page.limit) return some.map(toRecord).sort(inChainOrder)
      }
      const { chainId, blockNumber, logIndex, entryIndex } = page.after ?? START
      const rows =
        page.author === undefined
          ? engine.query(recordPage, key, chainId, blockNumber, logIndex, entryIndex, page.limit)
          : engine.query(
              recordPageOfAuthor,
              key,
              chainId,
              blockNumber,
              logIndex,
              entryIndex,
              page.limit,
              page.author,
            )
      return (await rows).map(toRecord)
    },
    findOrphanedRecords: async (key) =>
      hasOrphans() ? (await engine.query(orphansByKey, key)).map(toOrphanedRecord) : [],
    listRecords: async ({ author, contractId, toBlock, fromTime, toTime, after, limit }) =>
      (
        await engine.query(
          recordsByAuthor,
          author,
          contractId,
          toBlock,
          after?.blockNumber ?? -1,
          after?.logIndex ?? -1,
          after?.entryIndex ?? -1,
          fromTime ?? 0,
          toTime ?? Number.MAX_SAFE_INTEGER,
          limit,
        )
      ).map(toRecord),
    hasEarlierRecord: async ({ key, author, contractId, blockNumber, logIndex, entryIndex }) => {
      const position = [blockNumber, logIndex, entryIndex]
      const rows = engine.query(earlierRecord, hexToBytes(key), hexToBytes(author), contractId, ...position)
      return (await rows).length > 0
    },
    listParticipantEvents: async (contractId) =>
      (await engine.query(participantEvents, contractId)).map(toParticipantEvent),
    findBlock: async (chainId, number) => (await engine.query(block, chainId, number)).map(toBlock)[0],
    findLastBlock: async (chainId, upTo) => (await engine.query(lastBlock, chainId, upTo)).map(toBlock)[0],
  }
}

const inChainOrder = (a: RecordRow, b: RecordRow): number =>
  a.chainId - b.chainId ||
  a.blockNumber - b.blockNumber ||
  a.logIndex - b.logIndex ||
  a.entryIndex - b.entryIndex
