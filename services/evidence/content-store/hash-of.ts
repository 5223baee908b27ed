import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Bytes32 } from '../../../protocol/hex.ts'

export interface HashedContent {
  /** SHA-256. */
  contentHash: Bytes32
  /** Bytes. */
  size: number
}

/** Waited for after each piece, of so many bytes. */
export type Pace = (bytes: number) => Promise<void>

const CHUNK_BYTES = 256 * 1024

/** SHA-256 and length of a stream's bytes; fails as the stream does. */
export async function hashOf(stream: Readable, pace?: Pace): Promise<HashedContent> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    size += chunk.length
    await pace?.(chunk.length)
  }
  return { contentHash: `0x${hash.digest('hex')}`, size }
}

/** The same of a file from its beginning. One buffer serves all of it, where a stream leaves as much garbage as the file is long. */
export async function hashOfFile(
  file: FileHandle,
  { signal, pace }: { signal?: AbortSignal; pace?: Pace } = {},
): Promise<HashedContent> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let size = 0
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, size)
    if (bytesRead === 0) return { contentHash: `0x${hash.digest('hex')}`, size }
    hash.update(buffer.subarray(0, bytesRead))
    size += bytesRead
    await pace?.(bytesRead)
  }
}
