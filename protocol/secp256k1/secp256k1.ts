/** What the protocol needs of the curve. Nonces are deterministic (RFC 6979), signatures have low s. */
export interface Secp256k1 {
  /** Uncompressed, 65 bytes. Throws on an invalid key. */
  publicKeyOf(privateKey: Uint8Array): Uint8Array
  /** `rs`: 64 bytes; `recovery`: 0 or 1. */
  sign(hash: Uint8Array, privateKey: Uint8Array): { rs: Uint8Array; recovery: number }
  /** The signer's uncompressed public key. Throws when there is none. */
  recover(hash: Uint8Array, rs: Uint8Array, recovery: number): Uint8Array
}
