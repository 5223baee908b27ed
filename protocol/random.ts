import { randomBytes } from '@noble/hashes/utils.js'

const POOL_BYTES = 4096
let pool = new Uint8Array(0)
let used = 0

/**
 * Bytes from the platform's cryptographic random source, which is asked for some thousands at once: a call of it takes longer than
 * using what it gives. Each byte is handed out once, and wiped here then.
 */
export function takeRandomBytes(length: number): Uint8Array {
  if (length > POOL_BYTES) return randomBytes(length)
  if (used + length > pool.length) {
    pool = new Uint8Array(randomBytes(POOL_BYTES))
    used = 0
  }
  const taken = pool.slice(used, used + length)
  pool.fill(0, used, used + length)
  used += length
  return taken
}
