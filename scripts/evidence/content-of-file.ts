import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { reasonOf } from './named-documents.ts'

const BUFFER_BYTES = 1024 * 1024

/** SHA-256 and length of a file, read as a stream. @param onBytes told of each piece's length @throws FILE_UNREADABLE */
export async function hashFile(
  file: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<{ contentHash: Bytes32; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  try {
    const handle = await open(file)
    try {
      // One buffer for all of it: what a stream allocates is collected much later than it is made.
      const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, BUFFER_BYTES, null)
        if (bytesRead === 0) break
        hash.update(buffer.subarray(0, bytesRead))
        size += bytesRead
        onBytes(bytesRead)
      }
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${file}: ${reasonOf(cause)}`, { cause })
  }
  return { contentHash: `0x${hash.digest('hex')}`, size }
}
