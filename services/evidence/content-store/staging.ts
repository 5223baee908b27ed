import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { newFileName, removeLeftFiles } from './left-files.ts'
import { storeFailure } from './store-failure.ts'

/** A received content in a file of its own, written and synced, not yet in a store. */
export interface StagedContent {
  path: string
  /** SHA-256 of the bytes. */
  contentHash: Bytes32
  /** Bytes. */
  size: number
  /** Removes the file if it is still there. */
  discard(): Promise<void>
}

export interface ReceiveLimits {
  /** Bytes; one more is refused. */
  maxBytes: number
  /** Bytes that were announced; any other number is refused. */
  expectedBytes?: number
}

/** A folder in which uploads lie until a store takes them. One process uses it at a time. */
export class Staging {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(folder: string): Promise<Staging> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return new Staging(folder)
  }

  /**
   * Writes a stream to a new file, hashed on the way, and syncs it. Nothing is left behind when it fails.
   * @throws EVIDENCE_TOO_LARGE, EVIDENCE_INCOMPLETE when the stream breaks off or has another length, EVIDENCE_STORE_FULL,
   * EVIDENCE_STORE_UNAVAILABLE
   */
  async receive(stream: Readable, limits: ReceiveLimits): Promise<StagedContent> {
    const path = join(this.folder, newFileName())
    const discard = (): Promise<void> => rm(path, { force: true })
    try {
      const file = await open(path, 'wx', 0o600).catch(rethrowAsStoreFailure)
      try {
        const { contentHash, size } = await writeHashed(stream, file, limits)
        await file.sync().catch(rethrowAsStoreFailure)
        return { path, contentHash, size, discard }
      } finally {
        await file.close()
      }
    } catch (error) {
      stream.destroy()
      await discard()
      throw error
    }
  }

  /** Removes what an earlier process received and left; returns how many. Call it before the first `receive`. */
  sweep(): Promise<number> {
    return removeLeftFiles(this.folder)
  }
}

async function writeHashed(
  stream: Readable,
  file: FileHandle,
  { maxBytes, expectedBytes }: ReceiveLimits,
): Promise<{ contentHash: Bytes32; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of whole(stream)) {
    size += chunk.length
    if (size > maxBytes)
      throw new CountersignError('EVIDENCE_TOO_LARGE', `the content has more than ${maxBytes} bytes`, {
        details: { maxBytes },
      })
    hash.update(chunk)
    await writeAll(file, chunk)
  }
  if (expectedBytes !== undefined && size !== expectedBytes)
    throw new CountersignError('EVIDENCE_INCOMPLETE', `${size} bytes came, ${expectedBytes} were announced`)
  return { contentHash: `0x${hash.digest('hex')}`, size }
}

/** The chunks of a stream; one that breaks off is the sender's failure. */
async function* whole(stream: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk
  } catch (cause) {
    if (cause instanceof CountersignError) throw cause
    throw new CountersignError('EVIDENCE_INCOMPLETE', 'the content broke off', { cause })
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; )
    written += (await file.write(bytes, written).catch(rethrowAsStoreFailure)).bytesWritten
}

const rethrowAsStoreFailure = (error: unknown): never => {
  throw storeFailure(error)
}
