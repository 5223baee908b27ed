import type { Readable } from 'node:stream'
import type { Bytes32 } from '../../../protocol/hex.ts'
import type { HashedContent, Pace } from './hash-of.ts'
import type { StagedContent } from './staging.ts'

export interface HashOptions {
  signal?: AbortSignal
  pace?: Pace
}

/**
 * Keeps contents under their SHA-256. Whoever calls sees to it that no `put` and `remove` of one content pass each other.
 * Every call ends within the store's own time limit. @throws EVIDENCE_STORE_UNAVAILABLE, which says nothing about what is stored
 */
export interface ContentStore {
  /**
   * Takes a staged file. When it resolves, the content is durable and was read again from the store and hashed. A content
   * that is there already is replaced by the same bytes, so a damaged one becomes whole. The staged file may be moved away;
   * `discard` it in any case.
   * @throws EVIDENCE_STORE_FULL, EVIDENCE_INCOMPLETE when the staged file is no longer what was received
   */
  put(staged: StagedContent): Promise<void>
  /**
   * What is stored now under that hash, unchecked: hash what comes. `undefined` only where the store answered that nothing
   * is there. The stream fails with EVIDENCE_STORE_UNAVAILABLE when it breaks off; destroy it when it is not read to its end.
   */
  open(contentHash: Bytes32, signal?: AbortSignal): Promise<Readable | undefined>
  /** SHA-256 and length of what is stored now under that hash, read whole; else as `open`. */
  hash(contentHash: Bytes32, options?: HashOptions): Promise<HashedContent | undefined>
  /** Removes it durably; true when it was there. */
  remove(contentHash: Bytes32): Promise<boolean>
  /**
   * The random id that the store was given at its first use: another one means another store (a disk that is not mounted).
   * @throws EVIDENCE_STORE_UNAVAILABLE, also when it has none
   */
  identity(): Promise<string>
  /** Gives the id to a store that has none yet; resolves with the one that it has then. */
  identify(id: string): Promise<string>
  /** Milliseconds after a `put` that failed in which its content may still appear: the store may have taken what nobody heard of. */
  readonly lateMs: number
  /** For logs: where it keeps things, without secrets. */
  describe(): string
  close(): Promise<void>
}
