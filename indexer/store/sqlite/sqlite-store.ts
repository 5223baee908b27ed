import type { DatabaseSync } from 'node:sqlite'
import type { ChainCommit, Checkpoint, HeadRow, RepairCommit, Store, StoredContract } from '../store.ts'
import { TABLES } from '../tables.ts'
import { createBulkInsert } from './bulk-insert.ts'
import { openDatabase } from './database.ts'
import {
  CHAIN_COLUMNS,
  CONTRACT_COLUMNS,
  HEAD_COLUMNS,
  RECORD_COLUMNS,
  ROOT_COLUMNS,
  toChain,
  toContract,
  toHead,
  toIncomplete,
  toRecord,
  toRoot,
} from './row-mapping.ts'
import { dumpDatabase } from './sqlite-dump.ts'
import { createSqliteReader, query } from './sqlite-reader.ts'

/** @throws INDEX_DATABASE_LOCKED, INDEX_DATABASE_NEWER */
export function openSqliteStore(path: string): Store {
  const { db, close } = openDatabase(path)
  const transaction = transactions(db)
  const insertRows = createBulkInsert(db)
  const orphan = orphanStatements(db)

  const chains = query(db, `SELECT ${CHAIN_COLUMNS} FROM chains ORDER BY chain_id`, toChain)
  const chain = query(db, `SELECT ${CHAIN_COLUMNS} FROM chains WHERE chain_id = ?`, toChain)
  const insertChain = db.prepare('INSERT INTO chains VALUES (?, ?, ?, ?, ?, ?)')
  const updateCheckpoint = db.prepare(
    'UPDATE chains SET checkpoint_number = ?, checkpoint_hash = ?, checkpoint_time = ?, final_number = ? WHERE chain_id = ?',
  )
  const contracts = query(
    db,
    `SELECT ${CONTRACT_COLUMNS} FROM contracts WHERE chain_id = ? ORDER BY contract_id`,
    toContract,
  )
  const insertContract = query(
    db,
    `INSERT INTO contracts (chain_id, address, kind, start_block, caught_up_to) VALUES (?, ?, ?, ?, ?) RETURNING ${CONTRACT_COLUMNS}`,
    toContract,
  )
  const updateCaughtUpTo = db.prepare('UPDATE contracts SET caught_up_to = ? WHERE contract_id = ?')
  const insertBlock = db.prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)')
  const pruneBlocks = db.prepare(`
    DELETE FROM blocks WHERE chain_id = ?1 AND number >= ?2 AND number < ?3 ${Object.keys(TABLES)
      .map(
        (name) =>
          `AND NOT EXISTS (SELECT 1 FROM ${name} t WHERE t.chain_id = blocks.chain_id AND t.block_number = blocks.number)`,
      )
      .join(' ')}`)
  const insertHead = db.prepare('INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?, ?, ?)')
  // Heads older than the newest that is both final and verified serve nobody: a rollback ends at or above it.
  const pruneHeads = db.prepare(`
    DELETE FROM heads WHERE contract_id = ?1 AND author = ?2 AND block_number < (
      SELECT max(block_number) FROM heads WHERE contract_id = ?1 AND author = ?2 AND verified = 1 AND block_number <= ?3)`)
  // While nothing is verified yet (a backfill), only the newest final one is needed.
  const pruneUnverified = db.prepare(`
    DELETE FROM heads WHERE contract_id = ?1 AND author = ?2 AND verified = 0 AND block_number < (
      SELECT max(block_number) FROM heads WHERE contract_id = ?1 AND author = ?2 AND block_number <= ?3)`)
  const dropHeads = db.prepare(
    'DELETE FROM heads WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = ?) AND block_number > ?',
  )
  const dropAuthorHeads = db.prepare(
    'DELETE FROM heads WHERE contract_id = ? AND author = ? AND block_number >= ?',
  )
  const verifyHead = db.prepare(
    'UPDATE heads SET verified = 1 WHERE contract_id = ? AND author = ? AND block_number = ? AND head = ?',
  )
  const heads = query(
    db,
    `SELECT ${HEAD_COLUMNS} FROM heads h WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = ?1)
       AND block_number = (SELECT max(block_number) FROM heads n
         WHERE n.contract_id = h.contract_id AND n.author = h.author AND n.block_number <= ?2)`,
    toHead,
  )
  const verifiedHead = query(
    db,
    `SELECT ${HEAD_COLUMNS} FROM heads WHERE contract_id = ? AND author = ? AND block_number <= ? AND verified = 1
     ORDER BY block_number DESC LIMIT 1`,
    toHead,
  )
  const authorRecords = query(
    db,
    `SELECT ${RECORD_COLUMNS} FROM records r JOIN blocks b ON b.chain_id = r.chain_id AND b.number = r.block_number
     WHERE r.contract_id = ? AND r.author = ? AND r.block_number BETWEEN ? AND ?
     ORDER BY r.block_number, r.log_index, r.entry_index`,
    toRecord,
  )
  const authorRoots = query(
    db,
    `SELECT ${ROOT_COLUMNS} FROM roots WHERE contract_id = ? AND author = ? AND block_number BETWEEN ? AND ?
     ORDER BY block_number, log_index`,
    toRoot,
  )
  const insertIncomplete = db.prepare('INSERT OR REPLACE INTO incomplete VALUES (?, ?, ?, ?)')
  const deleteIncomplete = db.prepare('DELETE FROM incomplete WHERE contract_id = ? AND author = ?')
  const incomplete = query(
    db,
    `SELECT contract_id, author, block_number, since FROM incomplete
     WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = ?)`,
    toIncomplete,
  )

  const writeHeads = (rows: readonly HeadRow[], finalNumber: number) => {
    for (const { contractId, author, blockNumber, head, entryCount, verified } of rows) {
      insertHead.run(contractId, author, blockNumber, head, entryCount, verified ? 1 : 0)
      pruneHeads.run(contractId, author, finalNumber)
      pruneUnverified.run(contractId, author, finalNumber)
    }
  }
  const writeVerified = (rows: readonly HeadRow[]) => {
    for (const { contractId, author, blockNumber, head } of rows)
      verifyHead.run(contractId, author, blockNumber, head)
  }
  const writeCheckpoint = (chainId: number, { number, hash, timestamp, finalNumber }: Checkpoint) =>
    updateCheckpoint.run(number, hash, timestamp, finalNumber, chainId)

  function writeCommit(commit: ChainCommit): void {
    const { chainId, checkpoint } = commit
    if (commit.rollbackTo !== undefined) {
      orphan.above(chainId, commit.rollbackTo)
      dropHeads.run(chainId, commit.rollbackTo)
    }
    const before = chain.get(chainId)!.checkpoint
    if (commit.verified !== undefined) writeVerified(commit.verified)
    pruneBlocks.run(chainId, Math.min(before.number, before.finalNumber), checkpoint.finalNumber)
    for (const { number, hash, timestamp } of commit.blocks) insertBlock.run(chainId, number, hash, timestamp)
    insertBlock.run(chainId, checkpoint.number, checkpoint.hash, checkpoint.timestamp)
    for (const rows of commit.rows) insertRows(rows)
    writeHeads(commit.heads, checkpoint.finalNumber)
    if (commit.caughtUp !== undefined) updateCaughtUpTo.run(commit.caughtUp.block, commit.caughtUp.contractId)
    writeCheckpoint(chainId, checkpoint)
  }

  function writeRepair(repair: RepairCommit): void {
    const { chainId } = repair
    for (const { blockNumber, logIndex } of repair.surplus) orphan.log(chainId, blockNumber, logIndex)
    for (const { number, hash, timestamp } of repair.blocks) insertBlock.run(chainId, number, hash, timestamp)
    for (const rows of repair.rows) insertRows(rows)
    dropAuthorHeads.run(repair.contractId, repair.author, repair.fromBlock)
    deleteIncomplete.run(repair.contractId, repair.author)
    // History below the last final block is not needed again: the repair starts from a verified head.
    writeHeads(repair.heads, -1)
  }

  return {
    ...createSqliteReader(db, orphan.exist),
    listChains: async () => chains.all(),
    createChain: async ({ chainId, genesisHash, checkpoint }) => {
      const { number, hash, timestamp, finalNumber } = checkpoint
      insertChain.run(chainId, genesisHash, number, hash, timestamp, finalNumber)
    },
    listContracts: async (chainId) => contracts.all(chainId),
    createContract: async ({ chainId, address, kind, startBlock, caughtUpTo }): Promise<StoredContract> =>
      insertContract.get(chainId, address, kind, startBlock, caughtUpTo)!,
    setCaughtUpTo: async (contractId, block) => void updateCaughtUpTo.run(block, contractId),
    commit: async (commit) => transaction(() => writeCommit(commit)),
    repair: async (commit) => transaction(() => writeRepair(commit)),
    listHeads: async (chainId, atBlock) => heads.all(chainId, atBlock),
    findVerifiedHead: async (contractId, author, atBlock) => verifiedHead.get(contractId, author, atBlock),
    markVerified: async (rows) => transaction(() => writeVerified(rows)),
    listAuthorRecords: async (...range) => authorRecords.all(...range),
    listAuthorRoots: async (...range) => authorRoots.all(...range),
    setIncomplete: async ({ contractId, author, blockNumber, since }) =>
      void insertIncomplete.run(contractId, author, blockNumber, since),
    clearIncomplete: async (contractId, author) => void deleteIncomplete.run(contractId, author),
    listIncomplete: async (chainId) => incomplete.all(chainId),
    dump: () => dumpDatabase(db),
    close: async () => close(),
  }
}

function transactions(db: DatabaseSync) {
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const rollback = db.prepare('ROLLBACK')
  return (write: () => void): void => {
    begin.run()
    try {
      write()
      commit.run()
    } catch (error) {
      if (db.isTransaction) rollback.run()
      throw error
    }
  }
}

/** Moves rows out of sight, with the block they were in: what a chain once said may be said by nobody else any more. */
function orphanStatements(db: DatabaseSync) {
  const move = (name: string, columns: readonly string[], reason: string, where: string) => ({
    copy: db.prepare(`
      INSERT INTO orphaned_${name} (${columns.join(', ')}, block_hash, block_time, orphaned_at, reason)
      SELECT ${columns.map((column) => `t.${column}`).join(', ')}, b.hash, b.time, ?4, '${reason}'
      FROM ${name} t JOIN blocks b ON b.chain_id = t.chain_id AND b.number = t.block_number WHERE ${where}`),
    remove: db.prepare(`DELETE FROM ${name} AS t WHERE ${where}`),
  })
  const tables = Object.values(TABLES)
  // The third parameter keeps the numbering of both forms alike.
  const above = tables.map(({ name, columns }) =>
    move(name, columns, 'reorganised', 't.chain_id = ?1 AND t.block_number > ?2 AND ?3 IS NULL'),
  )
  const log = tables.map(({ name, columns }) =>
    move(name, columns, 'contradicted', 't.chain_id = ?1 AND t.block_number = ?2 AND t.log_index = ?3'),
  )
  let exist = db.prepare('SELECT 1 FROM orphaned_records LIMIT 1').get() !== undefined
  const blocksAbove = db.prepare('DELETE FROM blocks WHERE chain_id = ? AND number > ?')
  return {
    exist: () => exist,
    above(chainId: number, block: number) {
      exist = true
      for (const { copy, remove } of above) {
        copy.run(chainId, block, null, Date.now())
        remove.run(chainId, block, null)
      }
      blocksAbove.run(chainId, block)
    },
    log(chainId: number, block: number, logIndex: number) {
      exist = true
      for (const { copy, remove } of log) {
        copy.run(chainId, block, logIndex, Date.now())
        remove.run(chainId, block, logIndex)
      }
    },
  }
}
