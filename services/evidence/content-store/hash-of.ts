import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Bytes32 } from '../../../protocol/hex.ts'

/**
 * SHA-256 and length of a stream's bytes; fails as the stream does.
 * @param pace waited for after each chunk, of so many bytes
 */
export async function hashOf(
  stream: Readable,
  pace?: (bytes: number) => Promise<void>,
): Promise<{ contentHash: Bytes32; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    size += chunk.length
    await pace?.(chunk.length)
  }
  return { contentHash: `0x${hash.digest('hex')}`, size }
}
