import type { Bytes32 } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'
import { encodeRecording } from './call-data.ts'

/** An entry with what its registry's call takes beyond key and digest; null where those are all. */
export interface CallEntry extends Entry {
  content: Uint8Array | null
}

/** Which events tell where entries are, among all that have an entry's key or a part of it as their first topic. */
export interface RecordingEvent {
  /** Keccak-256 of the event's signature. */
  topic: Bytes32
  /** The first indexed member, of an entry's key. The second is the author. */
  firstOf(key: Bytes32): Bytes32
}

/** How a registry takes entries in one transaction, and what that costs. */
export interface RegistryCalls {
  /** Call data that records `entries`, at least one, in order. @param blockTime unix seconds of the newest block, where that matters */
  encode(entries: readonly CallEntry[], blockTime?: number): Uint8Array
  /** Whether a slot of the registry keeps each entry, so that it refuses one that is there already. */
  keepsSlots: boolean
  /** Whether the registry refuses an entry before the one that it follows. */
  checksOrder: boolean
  /** Gas of the transaction and the call around its entries, margin included. */
  gasOfCall: number
  /** Gas that an entry adds to a transaction, margin included. What is not used is not paid. */
  gasOf(entry: CallEntry): number
  /** Bytes of call data that an entry adds. */
  bytesOf(entry: CallEntry): number
  /** The root that stands for the entries on chain, where only that is sent. It is kept with the submission. */
  rootOf?(entries: readonly CallEntry[]): string
  /** Default: any event with the key as its first topic and the author as its second. */
  event?: RecordingEvent
}

/** 21,000 a transaction, up to 22,100 for the first head of an author, and the call around it. */
export const GAS_OF_RECORDING = 50_000
/** Measured 25,650 in a batch of 100; the rest is margin. */
const GAS_PER_DIGEST = 27_500

/** `record` and `recordBatch` of a book that keeps digests and nothing else. */
export const DIGEST_CALLS: RegistryCalls = {
  keepsSlots: true,
  checksOrder: false,
  gasOfCall: GAS_OF_RECORDING,
  encode: encodeRecording,
  gasOf: () => GAS_PER_DIGEST,
  bytesOf: () => 64,
}
