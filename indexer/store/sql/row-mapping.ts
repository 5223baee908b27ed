import type {
  BlockRow,
  HeadRow,
  IncompleteRow,
  OrphanedRecordRow,
  ParticipantEventRow,
  RecordRow,
  RootRow,
  StoredChain,
  StoredContract,
} from '../store.ts'
import { RECORD_TIERS, ROOT_KINDS } from '../tables.ts'
import type { Columns, SqlEngine } from './engine.ts'

// The column lists stand beside the functions that read them.

/** All binary values of a record as one text: handing out a string costs a tenth of handing out five buffers. */
const columnsOfRecord = ({ hexOf }: SqlEngine, blockHash: string, blockTime: string) =>
  `r.chain_id, r.block_number, r.log_index, r.entry_index, r.contract_id, r.tier, ${blockTime},
   ${hexOf('r.key', 'r.digest', 'r.transaction_hash', blockHash, 'r.author')}`

export const recordColumns = (engine: SqlEngine) => columnsOfRecord(engine, 'b.hash', 'b.time')

export function toRecord(c: Columns): RecordRow {
  const text = c[7] as string
  return {
    chainId: c[0] as number,
    blockNumber: c[1] as number,
    logIndex: c[2] as number,
    entryIndex: c[3] as number,
    contractId: c[4] as number,
    tier: RECORD_TIERS[c[5] as number]!,
    blockTime: c[6] as number,
    key: `0x${text.slice(0, 64)}`,
    digest: `0x${text.slice(64, 128)}`,
    transactionHash: `0x${text.slice(128, 192)}`,
    blockHash: `0x${text.slice(192, 256)}`,
    author: `0x${text.slice(256)}`,
  }
}

export const orphanedRecordColumns = (engine: SqlEngine) =>
  `${columnsOfRecord(engine, 'r.block_hash', 'r.block_time')}, r.orphaned_at`

export const toOrphanedRecord = (c: Columns): OrphanedRecordRow => ({
  ...toRecord(c),
  orphanedAt: c[8] as number,
})

export const ROOT_COLUMNS = 'chain_id, block_number, log_index, contract_id, author, root, kind, leaf_count'

export const toRoot = (c: Columns): RootRow => ({
  chainId: c[0] as number,
  blockNumber: c[1] as number,
  logIndex: c[2] as number,
  contractId: c[3] as number,
  author: c[4] as Uint8Array,
  root: c[5] as Uint8Array,
  kind: ROOT_KINDS[c[6] as number]!,
  leafCount: BigInt(c[7] as string),
})

export const PARTICIPANT_EVENT_COLUMNS =
  'r.chain_id, r.block_number, r.log_index, r.contract_id, r.account, r.kind, r.details, b.time'

export const toParticipantEvent = (c: Columns): ParticipantEventRow => ({
  chainId: c[0] as number,
  blockNumber: c[1] as number,
  logIndex: c[2] as number,
  contractId: c[3] as number,
  account: c[4] as Uint8Array,
  kind: c[5] as string,
  details: c[6] as string,
  blockTime: c[7] as number,
})

export const HEAD_COLUMNS = 'contract_id, author, block_number, head, entry_count, verified'

export const toHead = (c: Columns): HeadRow => ({
  contractId: c[0] as number,
  author: c[1] as Uint8Array,
  blockNumber: c[2] as number,
  head: c[3] as Uint8Array,
  entryCount: c[4] as number,
  verified: c[5] === 1,
})

export const CHAIN_COLUMNS =
  'chain_id, genesis_hash, checkpoint_number, checkpoint_hash, checkpoint_time, final_number'

export const toChain = (c: Columns): StoredChain => ({
  chainId: c[0] as number,
  genesisHash: c[1] as Uint8Array,
  checkpoint: {
    number: c[2] as number,
    hash: c[3] as Uint8Array,
    timestamp: c[4] as number,
    finalNumber: c[5] as number,
  },
})

export const CONTRACT_COLUMNS = 'contract_id, chain_id, address, kind, start_block, caught_up_to'

export const toContract = (c: Columns): StoredContract => ({
  contractId: c[0] as number,
  chainId: c[1] as number,
  address: c[2] as Uint8Array,
  kind: c[3] as string,
  startBlock: c[4] as number,
  caughtUpTo: c[5] as number | null,
})

export const toBlock = (c: Columns): BlockRow => ({
  number: c[0] as number,
  hash: c[1] as Uint8Array,
  timestamp: c[2] as number,
})

export const toIncomplete = (c: Columns): IncompleteRow => ({
  contractId: c[0] as number,
  author: c[1] as Uint8Array,
  blockNumber: c[2] as number,
  since: c[3] as number,
})
