import { keccak_256 } from '@noble/hashes/sha3.js'

/** Pure JavaScript, for browsers. */
export const keccak256 = (bytes: Uint8Array): Uint8Array => keccak_256(bytes)
