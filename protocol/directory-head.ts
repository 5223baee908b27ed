import { type Bytes32, concatBytes, type Hex, hexToBytes, keccak256Hex } from './hex.ts'

/** A log as the chain keeps it, without where it stands. */
export interface LogContent {
  topics: readonly Bytes32[]
  data: Hex
}

/** `keccak256(head ‖ topic0 ‖ topic1 ‖ … ‖ data)`: the directory's head after one more of its events. */
export const foldDirectoryLog = (head: Bytes32, { topics, data }: LogContent): Bytes32 =>
  keccak256Hex(
    concatBytes(hexToBytes(head, 32), ...topics.map((topic) => hexToBytes(topic, 32)), hexToBytes(data)),
  )

/** The head after `logs`, in order; from `EMPTY_HEAD` on, the directory's own `headOfDirectory`. */
export const foldDirectoryLogs = (head: Bytes32, logs: readonly LogContent[]): Bytes32 =>
  logs.reduce(foldDirectoryLog, head)
