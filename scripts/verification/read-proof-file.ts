import { createReadStream } from 'node:fs'
import { CountersignError } from '../../protocol/errors.ts'
import { MAX_PROOF_FILE_BYTES } from '../../protocol/proof-file.ts'

/** A file that is small enough to be a proof. @throws FILE_UNREADABLE, PROOF_FILE_MALFORMED */
export async function readProofFile(name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    // One byte past the bound tells a file that is too long, without reading the rest of it.
    for await (const chunk of createReadStream(name, { end: MAX_PROOF_FILE_BYTES })) {
      chunks.push(chunk)
      length += chunk.length
    }
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${name}: ${(cause as Error).message}`, { cause })
  }
  if (length > MAX_PROOF_FILE_BYTES)
    throw new CountersignError(
      'PROOF_FILE_MALFORMED',
      `${name} is longer than the ${MAX_PROOF_FILE_BYTES} bytes that a file may have`,
    )
  return Buffer.concat(chunks)
}
