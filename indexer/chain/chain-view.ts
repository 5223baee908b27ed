import type { Address } from '../../protocol/hex.ts'
import type { Checkpoint } from '../store/store.ts'
import type { ChainHeads } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import type { EndpointHealth } from './rpc-client.ts'

export interface ChainConfig {
  chainId: number
  name: string
  rpcUrls: readonly string[]
  /** A block is final when the head is this many blocks further. */
  finalityDepth: number
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

export interface ChainAlarm {
  code: string
  message: string
  action: string
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
  contracts: readonly IndexedContract[]
  alarm: ChainAlarm | undefined
  /** Why the last attempt failed, without URLs. */
  lastError: string | undefined
  reorganisations: number
  endpoints(): EndpointHealth[]
}
