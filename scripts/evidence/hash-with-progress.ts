import { statSync } from 'node:fs'
import { SingleBar } from 'cli-progress'
import type { Bytes32 } from '../../protocol/hex.ts'
import { hashFile } from './content-of-file.ts'

/** Smaller files are hashed before a bar could be read. */
const MIN_BYTES = 256 * 1024 ** 2

/** SHA-256 of a file, with a bar for large ones where stderr is a terminal. @throws FILE_UNREADABLE */
export async function hashWithProgress(file: string): Promise<Bytes32> {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size < MIN_BYTES || process.stderr.isTTY !== true) return (await hashFile(file)).contentHash
  const bar = new SingleBar({
    format: 'hashing {bar} {percentage}%, {eta_formatted} left',
    stream: process.stderr,
    clearOnComplete: true,
  })
  bar.start(size, 0)
  try {
    return (await hashFile(file, (bytes) => bar.increment(bytes))).contentHash
  } finally {
    bar.stop()
  }
}
