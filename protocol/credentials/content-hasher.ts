import { sha256 } from '@noble/hashes/sha2.js'
import { type Bytes32, bytesToHex } from '../hex.ts'

/** Hashes content as it streams by; nothing of it is kept. */
export interface ContentHasher {
  update(bytes: Uint8Array): ContentHasher
  /** Ends the hash: nothing can be added after. */
  digest(): Bytes32
}

/** An incremental sha256 that any platform has: the content hash of evidence. */
export function contentHasher(): ContentHasher {
  const hash = sha256.create()
  const hasher: ContentHasher = {
    update(bytes) {
      hash.update(bytes)
      return hasher
    },
    digest: () => bytesToHex(hash.digest()),
  }
  return hasher
}

/** The same, of content that is at hand. */
export const evidenceContentHash = (content: Uint8Array): Bytes32 => bytesToHex(sha256(content))
