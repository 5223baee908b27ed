import { type EvidenceCredential, parseCredential } from '../../protocol/credentials/evidence-credential.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { MAX_PROOF_FILE_BYTES } from '../../protocol/proof-file.ts'

/** How far a file was read. */
export type FileReading =
  | { state: 'reading'; file: File /** From 0 to 1. */; share: number }
  | { state: 'read'; file: File; contentHash: Bytes32 }
  | { state: 'failed'; file: File; because: 'evidence.cancelled' | 'evidence.unreadable' }

/** A credential file as it was read; what is wrong with it in its place when it is none. */
export type Presented = { file: File } & ({ credential: EvidenceCredential } | { fault: unknown })

/** What somebody has shown to the page. */
export interface Shown {
  reading?: FileReading | undefined
  presented?: Presented | undefined
}

export async function readCredentialFile(file: File): Promise<Presented> {
  try {
    if (file.size > MAX_PROOF_FILE_BYTES)
      throw new CountersignError('PROOF_FILE_MALFORMED', `larger than ${MAX_PROOF_FILE_BYTES} bytes`)
    return { file, credential: parseCredential(new Uint8Array(await file.arrayBuffer())) }
  } catch (fault) {
    return { file, fault }
  }
}
