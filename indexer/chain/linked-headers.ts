import { hexToBytes } from '../../protocol/hex.ts'
import type { BlockRow } from '../store/store.ts'
import type { Header } from './raw-log.ts'

/** Most headers read in one request. */
export const BLOCKS_A_STEP = 64

/** Whether each is the parent of the next. */
export const areLinked = (headers: readonly Header[]): boolean =>
  headers.every(
    ({ number, parentHash }, i) =>
      i === 0 || (parentHash === headers[i - 1]!.hash && number === headers[i - 1]!.number + 1),
  )

export const blockOf = ({ number, hash, timestamp }: Header): BlockRow => ({
  number,
  hash: hexToBytes(hash),
  timestamp,
})
