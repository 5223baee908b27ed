import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { reasonOf } from './named-documents.ts'

/** SHA-256 and length of a file, read as a stream. @param onBytes told of each piece's length @throws FILE_UNREADABLE */
export async function hashFile(
  file: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<{ contentHash: Bytes32; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      hash.update(chunk)
      size += chunk.length
      onBytes(chunk.length)
    }
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${file}: ${reasonOf(cause)}`, { cause })
  }
  return { contentHash: `0x${hash.digest('hex')}`, size }
}
