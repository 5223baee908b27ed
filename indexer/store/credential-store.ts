import type { Hex } from '../../protocol/hex.ts'
import type { PlaceInChain } from './payment-store.ts'
import type { Position, RecordRow } from './store.ts'

/** Why a credential was revoked, as its issuer put it. */
export interface RevocationRow extends Position {
  chainId: number
  entryIndex: number
  contractId: number
  /** 20 bytes, without checksum. */
  issuer: Hex
  credentialKey: Hex
  /** Bytes that should be UTF-8, and need not be. */
  reason: Hex
  transactionHash: Hex
  blockHash: Hex
  /** Unix seconds. */
  blockTime: number
}

export interface RevocationListQuery {
  contractId: number
  issuer: Uint8Array
  /** After this position. */
  after: PlaceInChain
  /** Inclusive. */
  toBlock: number
  limit: number
}

/** Up to so many authors at once. */
export const MAX_AUTHORS = 200

/** Of the records of one key in one registry: whatever there is of others does not count. */
export interface FirstRecordsQuery {
  contractId: number
  /** {@link MAX_AUTHORS} at most. */
  authors: readonly Uint8Array[]
  /** Inclusive. */
  toBlock: number
  /** So many of each author, the first ones in chain order. */
  perAuthor: number
}

export interface AnchorQuery {
  contractId: number
  author: Uint8Array
  root: Uint8Array
}

/** A root that was anchored: what its leaves are, no chain says. */
export interface AnchorRow extends Position {
  chainId: number
  leafCount: bigint
  transactionHash: Hex
  blockHash: Hex
  /** Unix seconds. */
  blockTime: number
}

/** @throws STORE_UNAVAILABLE by every method */
export interface CredentialReader {
  /** The revocation at a place in a block, whether or not its chain still has that block. */
  findRevocationAt(
    place: Position & { chainId: number; entryIndex: number; blockHash: Hex },
  ): Promise<RevocationRow | undefined>
  /** Of one issuer in one registry, in chain order. */
  listRevocations(query: RevocationListQuery): Promise<RevocationRow[]>
  /** The first records of a key by each of some authors, in chain order. */
  findFirstRecords(key: Uint8Array, query: FirstRecordsQuery): Promise<RecordRow[]>
  /** The first anchor of a root by an author in one registry. */
  findAnchor(query: AnchorQuery): Promise<AnchorRow | undefined>
}
