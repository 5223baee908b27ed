import type { Address, Hex } from '../../protocol/hex.ts'
import type { Checkpoint } from '../store/store.ts'
import type { AuthorHead, ChainHeads } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import type { EndpointHealth } from './rpc-client.ts'
import type { WakeUpKind } from './wake-up.ts'

export interface ChainConfig {
  chainId: number
  name: string
  rpcUrls: readonly string[]
  /** A block is final when the head is this many blocks further. */
  finalityDepth: number
  /** Final is instead what the chain's `finalized` tag says, where that means something. */
  finalizedTag?: boolean
  /** Seconds until its newest block counts as old; default: as `isOldHead` has it. */
  maxHeadAge?: number
  /** Where heads are announced; default: at the addresses of `rpcUrls`. */
  webSocketUrls?: readonly string[]
  contracts: readonly { kind: string; address: Address; startBlock: number }[]
}

/**
 * - `starting`: not yet asked the chain anything
 * - `syncing`: behind the chain's head, reading on
 * - `following`: at the head
 * - `unreachable`: no endpoint answers as it should; tried again
 * - `stopped`: something that a person has to see to; `alarm` says what
 */
export type ChainState = 'starting' | 'syncing' | 'following' | 'unreachable' | 'stopped'

/**
 * - `complete`: the heads folded from the rows are those on chain
 * - `unverified`: something was indexed that has not been held against the chain yet; a matter of milliseconds at the head
 * - `incomplete`: a head differs from the chain's, and the repair has not succeeded yet
 */
export const COMPLETENESS = ['complete', 'unverified', 'incomplete'] as const
export type CompletenessState = (typeof COMPLETENESS)[number]

export interface ChainAlarm {
  code: string
  message: string
  action: string
}

/**
 * Of a record book, held as a whole against the root of its storage on chain:
 * - `unchecked`: not compared yet
 * - `whole`: at `wholeAt` the rows were all there is, of every author, known or not
 * - `different`: something is missing that nobody known wrote; it is being looked for
 * - `unsupported`: no endpoint answers `eth_getProof`
 * - `too-many-records`, `off`: not compared, by the settings
 */
export const STORAGE_ROOT_STATES = [
  'unchecked',
  'whole',
  'different',
  'unsupported',
  'too-many-records',
  'off',
] as const

export interface BookWholeness {
  storageRoot: (typeof STORAGE_ROOT_STATES)[number]
  /** `isProven`: up to the hash of the block; otherwise the root is an endpoint's word. */
  wholeAt?: { block: number; storageRoot: Hex; isProven: boolean }
}

/** What the API may know of a chain: its sync writes, everybody else reads. All of it belongs to the same checkpoint. */
export interface ChainView {
  readonly config: ChainConfig
  state: ChainState
  /** Undefined before the first answer of the chain. */
  checkpoint: Checkpoint | undefined
  /** Number and unix seconds of the newest block seen. */
  tip: { number: number; timestamp: number } | undefined
  heads: ChainHeads
  /** By contract id. */
  books?: ReadonlyMap<number, BookWholeness>
  /** Set until everybody was compared once: what was found equal below this block was so before the start, or a backfill. */
  comparedFrom?: number | undefined
  /** Of all authors of the chain together: the worst of theirs. */
  completeness: CompletenessState
  contracts: readonly IndexedContract[]
  alarm: ChainAlarm | undefined
  /** Why the last attempt failed, without URLs. */
  lastError: string | undefined
  reorganisations: number
  /** Pending while a rollback may show in the rows already, but not here yet. Never fails. */
  changing?: Promise<void> | undefined
  endpoints(): EndpointHealth[]
  /** Set where the store that answers is a replica; null: it has not been told anything yet. */
  replica?: { lagSeconds: number | null } | undefined
  /** How new heads are learnt of just now. */
  wakeUp?(): WakeUpKind
}

/** Of one author in one book; undefined when nothing of theirs was ever seen, which is then as good as the chain's whole. */
export function completenessOf(head: AuthorHead | undefined, view: ChainView): CompletenessState {
  if (head === undefined) return view.completeness
  if (head.incompleteSince !== undefined) return 'incomplete'
  return isVerified(head, view) ? 'complete' : 'unverified'
}

const isVerified = ({ verifiedAt }: AuthorHead, { comparedFrom = 0 }: ChainView): boolean =>
  verifiedAt !== undefined && verifiedAt >= comparedFrom
