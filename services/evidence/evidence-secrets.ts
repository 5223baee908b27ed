import { createHmac, hkdfSync } from 'node:crypto'
import { canonicalJson } from '../../protocol/canonical-json.ts'
import { credentialKey } from '../../protocol/credentials/credential-key.ts'
import { type Address, type Bytes32, hexToBytes, utf8ToBytes } from '../../protocol/hex.ts'
import { deriveSalt } from '../../protocol/salt.ts'
import type { Serial } from '../../protocol/serial.ts'

/** What an evidence server derives from its one secret: salts, and fingerprints by which the same request is known again without keeping it. */
export class EvidenceSecrets {
  readonly #secret: Uint8Array
  readonly #issuer: Address
  readonly #fingerprintKey: Uint8Array

  /** @param secret at least 32 bytes in hex, with or without 0x */
  constructor(secret: string, issuer: Address) {
    this.#secret = hexToBytes(`0x${secret.replace(/^0x/, '')}`)
    this.#issuer = issuer
    this.#fingerprintKey = new Uint8Array(
      hkdfSync(
        'sha256',
        this.#secret,
        new Uint8Array(0),
        utf8ToBytes('countersign.evidence.fingerprint.v1'),
        32,
      ),
    )
  }

  /** 32 bytes that say whether another secret is the same one. */
  check(): Uint8Array {
    return this.fingerprint('the secret of this evidence server')
  }

  /** The salt of a credential's digest; without the share nobody finds it again. */
  salt(credentialId: Serial, share: Bytes32): Bytes32 {
    return deriveSalt({
      secret: this.#secret,
      key: credentialKey(credentialId),
      author: this.#issuer,
      share,
    })
  }

  /** 32 bytes, the same for the same value; without the secret they say nothing of it, however few values there are to try. */
  fingerprint(value: unknown): Uint8Array {
    return createHmac('sha256', this.#fingerprintKey).update(canonicalJson(value)).digest()
  }
}
