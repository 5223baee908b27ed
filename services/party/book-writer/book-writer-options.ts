import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from 'pino'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { GroupCommit } from '../group-commit.ts'
import type { PartyKey } from '../keys.ts'
import type { JsonRpc } from './chain-access.ts'
import { DIGEST_CALLS, type RegistryCalls } from './registry-calls.ts'

export interface BookWriterOptions {
  /** The party's own database, in which entries arrive together with what they belong to. */
  db: DatabaseSync
  commits: GroupCommit
  rpc: JsonRpc
  /** Where the author's records are kept. */
  registry: Registry
  /** How that registry takes entries. Default: `record` and `recordBatch`. */
  calls?: RegistryCalls
  /** Further ways, by the group that an entry may name: each group's entries go in transactions of their own. Default none. */
  groups?: Readonly<Record<string, RegistryCalls>>
  /** Block of the registry's deployment; there are no events before. Default 0. */
  startBlock?: number
  /** Author of the records and payer of the gas. */
  key: PartyKey
  logger: Logger
  /** Milliseconds that an entry waits for others to share its transaction. Default 500; 0 sends at once. */
  flushIntervalMs?: number
  /** Entries in one transaction at most; the block's and the transaction's gas limit may make it fewer. Default 500. */
  maxBatch?: number
  /** Milliseconds, at least, from one sending for the sake of somebody who waits to the next. Default 0. */
  urgentEveryMs?: number
  /** Transactions under way at once. Default 4. */
  maxInFlight?: number
  /**
   * Transactions at once whose nonce is used and whose fate is open. So many, and groups whose entries can be held send no more; those of
   * slots go on. Default 100.
   */
  maxHeld?: number
  /** Blocks after a block until it counts as final. Default 0. */
  finalityDepth?: number
  /** Milliseconds between looks at the chain while something is under way, at most; it starts at a hundredth. Default 1,000. */
  pollIntervalMs?: number
  /** Milliseconds after which a transaction that is not mined is sent again, or replaced by one with a higher fee. Default 30,000. */
  resubmitAfterMs?: number
  /** Wei; no transaction bids more. Nor does any bid far above what the chain asks at the time. Default none. */
  maxFeePerGas?: bigint
  /** Milliseconds between attempts while the chain cannot be used, at most. Default 5,000. */
  maxBackoffMs?: number
  /** Told where a submission has arrived. Observation only. */
  onStage?: (stage: SubmissionStage) => void
}

export type SubmissionStage = 'stored' | 'sent' | 'mined'

export type BookWriterSettings = Required<BookWriterOptions>

const DEFAULTS = {
  calls: DIGEST_CALLS,
  groups: {},
  startBlock: 0,
  flushIntervalMs: 500,
  urgentEveryMs: 0,
  maxBatch: 500,
  maxInFlight: 4,
  maxHeld: 100,
  finalityDepth: 0,
  pollIntervalMs: 1_000,
  resubmitAfterMs: 30_000,
  maxFeePerGas: 2n ** 128n,
  maxBackoffMs: 5_000,
  onStage: () => {},
}

export const withDefaults = (options: BookWriterOptions): BookWriterSettings => ({ ...DEFAULTS, ...options })
