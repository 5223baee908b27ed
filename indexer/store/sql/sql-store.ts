import type { IncompleteRow, ReplicationLag, Store } from '../store.ts'
import { createChainReader } from './chain-reader.ts'
import {
  deleteIncomplete,
  readCheckpoint,
  writeBeside,
  writeCaughtUpTo,
  writeCommit,
  writeRepair,
  writeVerified,
} from './commit-writer.ts'
import { exportRows, importRows } from './copy-rows.ts'
import { createCredentialReader } from './credential-reader.ts'
import { findDerivedFaults } from './derived-faults.ts'
import { dropChain } from './drop-chain.ts'
import { dumpStore } from './dump.ts'
import type { SqlEngine, SqlWriter } from './engine.ts'
import { createFeedReader } from './feed-reader.ts'
import { pruneJournal } from './journal.ts'
import { createPaymentReader } from './payment-reader.ts'
import { createRecordReader } from './record-reader.ts'
import { CONTRACT_COLUMNS, toContract } from './row-mapping.ts'
import { createWebhookStore } from './webhook-rows.ts'

const PRUNE_EVERY_MS = 600_000
const DAY_MS = 86_400_000

export interface SqlStoreOptions {
  /** How long the feed can be resumed; older entries go once their rows are final. */
  feedKeepDays: number
  orphans: OrphanKnowledge
  replicationLag?: () => Promise<ReplicationLag>
  isReplica?: () => boolean
}

/** Whether any record was ever orphaned: mostly none was, and every lookup then saves a query. */
export interface OrphanKnowledge {
  /** False only if it is known that there are none. */
  mayExist(): boolean
  noteSome(): void
}

/** Of a store that only this process writes to. */
export function knownOrphans(exist: boolean): OrphanKnowledge {
  let mayExist = exist
  return {
    mayExist: () => mayExist,
    noteSome() {
      mayExist = true
    },
  }
}

/** The store over an engine whose schema is up to date. */
export function createSqlStore(engine: SqlEngine, options: SqlStoreOptions): Store {
  const { orphans } = options
  let nextPruning = 0

  /** A transaction about chains: readers see by the version that something changed. */
  const write = <Result>(work: (writer: SqlWriter, version: number) => Promise<Result>): Promise<Result> =>
    engine.write(async (writer) => work(writer, await nextVersion(writer)))

  return {
    isShared: engine.isShared,
    ...createRecordReader(engine, orphans.mayExist),
    ...createPaymentReader(engine, orphans.mayExist),
    ...createCredentialReader(engine),
    ...createChainReader(engine),
    ...createFeedReader(engine, options.isReplica ?? (() => false)),
    ...createWebhookStore(engine),
    createChain: ({ chainId, genesisHash, checkpoint }) =>
      write(async (writer) => {
        const { number, hash, timestamp, finalNumber } = checkpoint
        await writer.send(
          'INSERT INTO chains VALUES ($1, $2, $3, $4, $5, $6)',
          chainId,
          genesisHash,
          number,
          hash,
          timestamp,
          finalNumber,
        )
      }),
    dropChain: (chainId) => write((writer, version) => dropChain(writer, version, chainId)),
    createContract: ({ chainId, address, kind, startBlock, caughtUpTo }) =>
      write(async (writer) => {
        const rows = await writer.query(
          `INSERT INTO contracts (${CONTRACT_COLUMNS})
           SELECT COALESCE(MAX(contract_id), 0) + 1, CAST($1 AS BIGINT), $2, $3, CAST($4 AS BIGINT), CAST($5 AS BIGINT)
           FROM contracts RETURNING ${CONTRACT_COLUMNS}`,
          chainId,
          address,
          kind,
          startBlock,
          caughtUpTo,
        )
        return toContract(rows[0]!)
      }),
    setCaughtUpTo: (contractId, block) => write((writer) => writeCaughtUpTo(writer, contractId, block)),
    async commit(commit) {
      const isPruning = Date.now() >= nextPruning
      if (isPruning) nextPruning = Date.now() + PRUNE_EVERY_MS
      // Before: it may be committed though nobody hears of that.
      if (commit.rollbackTo !== undefined) orphans.noteSome()
      await engine.write(async (writer) => {
        // Asked together: on a server that is one way there and back.
        const [version, before] = await Promise.all([nextVersion(writer), readCheckpoint(writer, commit)])
        await writeCommit(writer, version, before, commit)
        if (isPruning) await pruneJournal(writer, Date.now() - options.feedKeepDays * DAY_MS)
      })
    },
    async repair(commit) {
      if (commit.surplus.length > 0) orphans.noteSome()
      await write((writer, version) => writeRepair(writer, version, commit))
    },
    restoreBeside: (restore) => write((writer, version) => writeBeside(writer, version, restore)),
    markVerified: (rows) => write((writer) => writeVerified(writer, rows)),
    setIncomplete: (row) => write((writer) => insertIncomplete(writer, row)),
    clearIncomplete: (contractId, author) => write((writer) => deleteIncomplete(writer, contractId, author)),
    saveChainState: (row) =>
      write(async (writer) => {
        await writer.send(
          `INSERT INTO chain_states (chain_id, state, updated_at) VALUES ($1, $2, $3)
           ON CONFLICT (chain_id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at`,
          row.chainId,
          JSON.stringify(row),
          row.updatedAt,
        )
      }),
    replicationLag: options.replicationLag ?? (async () => ({ isReplica: false, seconds: null })),
    dump: (tables, moment) => dumpStore(engine, tables, moment),
    findDerivedFaults: () => findDerivedFaults(engine),
    exportRows: () => exportRows(engine),
    async importRows(tables) {
      orphans.noteSome()
      await importRows(engine, tables)
    },
    close: () => engine.close(),
  }
}

async function nextVersion(writer: SqlWriter): Promise<number> {
  const [row] = await writer.query('UPDATE store_version SET version = version + 1 RETURNING version')
  return row![0] as number
}

async function insertIncomplete(writer: SqlWriter, row: IncompleteRow): Promise<void> {
  await writer.send(
    `INSERT INTO incomplete (contract_id, author, block_number, since) VALUES ($1, $2, $3, $4)
     ON CONFLICT (contract_id, author) DO UPDATE SET block_number = excluded.block_number, since = excluded.since`,
    row.contractId,
    row.author,
    row.blockNumber,
    row.since,
  )
}
