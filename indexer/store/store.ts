import type { Hex } from '../../protocol/hex.ts'
import type { CredentialReader } from './credential-store.ts'
import type { FeedReader } from './feed.ts'
import type { PaymentReader } from './payment-store.ts'
import type { BesideTable, RecordTier, RootKind, RowBuffer, TableName, TableRows, Value } from './tables.ts'
import type { WebhookStore } from './webhook-store.ts'

/** How far a chain is indexed. Everything at or below `number` is in the store; nothing above is. */
export interface Checkpoint {
  number: number
  hash: Uint8Array
  /** Unix seconds. */
  timestamp: number
  /** Blocks up to this number are final. */
  finalNumber: number
}

export interface StoredChain {
  chainId: number
  genesisHash: Uint8Array
  checkpoint: Checkpoint
}

export interface StoredContract {
  contractId: number
  chainId: number
  address: Uint8Array
  kind: string
  startBlock: number
  /** Set while a contract that was added later is read up to the chain's checkpoint. */
  caughtUpTo: number | null
}

export interface BlockRow {
  number: number
  hash: Uint8Array
  timestamp: number
}

/** An author's head after its last entry up to `blockNumber`. */
export interface HeadRow {
  contractId: number
  author: Uint8Array
  blockNumber: number
  head: Uint8Array
  /** Entries that this head has taken in: records, and one for a publication or an anchor. */
  entryCount: number
  /** True once it was equal to `headOf` on chain at a block from `blockNumber` on. */
  verified: boolean
}

/** One step of a chain, written in one transaction. */
export interface ChainCommit {
  chainId: number
  /** Hash of the checkpoint that this step was made from: if the store stands elsewhere, nothing is written. */
  base?: Uint8Array
  /** First move everything above this block to the orphans. */
  rollbackTo?: number
  blocks: readonly BlockRow[]
  rows: readonly RowBuffer[]
  heads: readonly HeadRow[]
  checkpoint: Checkpoint
  /** Heads found equal to the chain's since the last commit. */
  verified?: readonly HeadRow[]
  /** How far a contract that was added later is read; null once it has reached the checkpoint. */
  caughtUp?: { contractId: number; block: number | null }
}

/** What a repair of one author found, written in one transaction. */
export interface RepairCommit {
  chainId: number
  contractId: number
  author: Uint8Array
  fromBlock: number
  /** Positions of rows that the chain does not have, moved to the orphans. */
  surplus: readonly Position[]
  blocks: readonly BlockRow[]
  rows: readonly RowBuffer[]
  /** Replace the author's heads from `fromBlock` on. */
  heads: readonly HeadRow[]
}

/** What there is beside the records of some logs. */
export interface BesideRestore {
  table: BesideTable
  chainId: number
  logs: readonly Position[]
  /** Rows of the table, one after the other. */
  values: readonly Value[]
}

export interface Position {
  blockNumber: number
  logIndex: number
}

/** As answers show it: hexadecimal text, lower case. A store makes text of its bytes cheaper than it hands them out. */
export interface RecordRow extends Position {
  chainId: number
  entryIndex: number
  contractId: number
  /** 20 bytes, without checksum. */
  author: Hex
  key: Hex
  digest: Hex
  tier: RecordTier
  transactionHash: Hex
  blockHash: Hex
  /** Unix seconds. */
  blockTime: number
}

export interface OrphanedRecordRow extends RecordRow {
  /** Unix milliseconds. */
  orphanedAt: number
}

export interface RootRow extends Position {
  chainId: number
  contractId: number
  author: Uint8Array
  root: Uint8Array
  kind: RootKind
  /** A uint64: past what a number carries, if its author says so. */
  leafCount: bigint
}

export interface ParticipantEventRow extends Position {
  chainId: number
  contractId: number
  account: Uint8Array
  kind: string
  details: string
  blockNumber: number
  blockTime: number
}

/** An author whose indexed head differs from the chain's: its answers are incomplete until repaired. */
export interface IncompleteRow {
  contractId: number
  author: Uint8Array
  /** The block at which the difference was seen. */
  blockNumber: number
  /** Unix milliseconds. */
  since: number
}

/** What the writer's views of a chain say beside its checkpoint, for processes that only read. */
export interface ChainStateRow {
  chainId: number
  state: string
  /** Number and unix seconds of the newest block seen. */
  tip: { number: number; timestamp: number } | null
  completeness: string
  alarm: { code: string; message: string; action: string } | null
  lastError: string | null
  reorganisations: number
  /** As JSON carries it. */
  endpoints: unknown
  /** Of each record book how it stands to its storage root on chain, by contract id; as JSON carries it. */
  books?: readonly (readonly [contractId: number, book: unknown])[]
  /** Unix milliseconds. */
  updatedAt: number
}

/** How far a replica is behind its primary; `seconds` is null where there is no replica, or none has been told yet. */
export interface ReplicationLag {
  isReplica: boolean
  seconds: number | null
}

/** What the API reads. Answers come from committed rows only. @throws STORE_UNAVAILABLE by every method */
export interface StoreReader extends FeedReader, PaymentReader, CredentialReader {
  /** Records of a key over all chains, in order of chain and position: all of them, or a page. */
  findRecords(key: Uint8Array, page?: KeyPage): Promise<RecordRow[]>
  findOrphanedRecords(key: Uint8Array): Promise<OrphanedRecordRow[]>
  /** Records of an author in chain order, after a position, up to a block. */
  listRecords(query: RecordListQuery): Promise<RecordRow[]>
  /** True when the author wrote this key before this position. */
  hasEarlierRecord(record: RecordRow): Promise<boolean>
  listParticipantEvents(contractId: number): Promise<ParticipantEventRow[]>
  findBlock(chainId: number, number: number): Promise<BlockRow | undefined>
  /** The newest block kept at or below a number: between the two nothing was indexed. */
  findLastBlock(chainId: number, upTo: number): Promise<BlockRow | undefined>
  listChains(): Promise<StoredChain[]>
  listContracts(chainId: number): Promise<StoredContract[]>
  /** The newest head of each author at or below `atBlock`. */
  listHeads(chainId: number, atBlock: number): Promise<HeadRow[]>
  listIncomplete(chainId: number): Promise<IncompleteRow[]>
  listChainStates(): Promise<ChainStateRow[]>
  /** Grows with every write transaction about chains: while it is the same, so is everything read here. */
  version(): Promise<number>
  /** The version of the last write that added or took rows; other writes leave it as it is. */
  rowsVersion(): Promise<number>
  replicationLag(): Promise<ReplicationLag>
  /**
   * Everything that follows from the chain, as text in a fixed order: two stores of one chain are equal if these are.
   * @param tables whose rows alone are asked for
   * @param moment `id` of a moment that is held; without, it is that at which the first line is asked for
   */
  dump(tables?: readonly TableName[], moment?: string): AsyncIterable<string>
  /** For dumps that belong together, while the writer goes on. Where it is missing, `version` tells whether they do. */
  holdMoment?(): Promise<HeldMoment>
  /** What was made of rows and is not what they say, as of one moment: sums of payments, and on some engines the index of keys. */
  findDerivedFaults(): AsyncIterable<DerivedFault>
  /** Every row there is, webhooks too, as of one moment, while the writer goes on. */
  exportRows(): AsyncIterable<TableRows>
}

export interface HeldMoment {
  id: string
  /** As they were then. */
  chains: StoredChain[]
  /** Dumps that have begun go on. */
  release(): Promise<void>
}

/** For people. */
export interface DerivedFault {
  table: string
  row: string
  /** Undefined where there is none. */
  stored?: string
  expected?: string
  reason: string
}

/** Of the records of one key: anybody may write any number of them. */
export interface KeyPage {
  /** Of this author alone. */
  author?: Uint8Array
  after?: Position & { chainId: number; entryIndex: number }
  limit: number
}

export interface RecordListQuery {
  author: Uint8Array
  contractId: number
  /** Inclusive. */
  toBlock: number
  fromTime?: number
  toTime?: number
  after?: Position & { entryIndex: number }
  limit: number
}

/** What the one writer needs besides. */
export interface Store extends StoreReader, WebhookStore {
  /** True when other processes may read it at the same time. */
  readonly isShared: boolean
  createChain(chain: StoredChain): Promise<void>
  /** Forgets a chain with its contracts, rows and orphans. The feed begins anew: who followed it has to read all again. */
  dropChain(chainId: number): Promise<void>
  createContract(contract: Omit<StoredContract, 'contractId'>): Promise<StoredContract>
  setCaughtUpTo(contractId: number, block: number | null): Promise<void>
  /** @throws STORE_CHANGED when the chain stands elsewhere than at `base`; nothing was written then */
  commit(commit: ChainCommit): Promise<void>
  repair(commit: RepairCommit): Promise<void>
  /** Writes rows anew whose records are right. Sums of payments stay: they were added up when both were. */
  restoreBeside(restore: BesideRestore): Promise<void>
  /** The newest verified head of an author at or below `atBlock`. */
  findVerifiedHead(contractId: number, author: Uint8Array, atBlock: number): Promise<HeadRow | undefined>
  markVerified(heads: readonly HeadRow[]): Promise<void>
  /** Everything an author wrote to a contract in a range of blocks, for comparison with what the chain says. */
  listAuthorRecords(
    contractId: number,
    author: Uint8Array,
    fromBlock: number,
    toBlock: number,
  ): Promise<RecordRow[]>
  listAuthorRoots(
    contractId: number,
    author: Uint8Array,
    fromBlock: number,
    toBlock: number,
  ): Promise<RootRow[]>
  setIncomplete(row: IncompleteRow): Promise<void>
  clearIncomplete(contractId: number, author: Uint8Array): Promise<void>
  saveChainState(row: ChainStateRow): Promise<void>
  /** What `exportRows` gave, of this engine or the other. @throws STORE_NOT_EMPTY */
  importRows(tables: AsyncIterable<TableRows>): Promise<void>
  close(): Promise<void>
}
