import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { canonicalJson } from '../../protocol/canonical-json.ts'
import { type Address, type Bytes32, bytesToHex, hexToBytes, utf8ToBytes } from '../../protocol/hex.ts'
import type { LookupCode } from '../../protocol/payments/lookup-code.ts'
import { deriveLookupCode } from '../../protocol/payments/lookup-code-derivation.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * What a tax office derives from its one secret, each under a label of its own: lookup codes, the key that payer tags are kept
 * under, and fingerprints by which the same content is known again without keeping it.
 */
export class OfficeSecrets {
  readonly #secret: Uint8Array
  readonly #office: Address
  readonly #payerTagKey: Uint8Array
  readonly #fingerprintKey: Uint8Array

  /** @param secret at least 32 bytes in hex, with or without 0x */
  constructor(secret: string, office: Address) {
    this.#secret = hexToBytes(`0x${secret.replace(/^0x/, '')}`)
    this.#office = office
    this.#payerTagKey = derive(this.#secret, 'countersign.office.payer-tag.v1')
    this.#fingerprintKey = derive(this.#secret, 'countersign.office.fingerprint.v1')
  }

  /** 32 bytes that say whether another secret is the same one. */
  check(): Uint8Array {
    return this.fingerprint('the secret of this office')
  }

  /** The lookup code of an order: kept nowhere, and the same for all versions. */
  lookupCode(orderKey: Bytes32, share: Uint8Array): LookupCode {
    return deriveLookupCode({
      secret: this.#secret,
      orderKey,
      office: this.#office,
      share: bytesToHex(share),
    })
  }

  /** `nonce (12) ‖ ciphertext ‖ tag (16)`, AES-256-GCM, bound to order and version. */
  encryptPayerTag(payerTag: string, orderKey: Uint8Array, version: number): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#payerTagKey, nonce)
    cipher.setAAD(placeOf(orderKey, version))
    return Buffer.concat([nonce, cipher.update(payerTag, 'utf8'), cipher.final(), cipher.getAuthTag()])
  }

  /** Undefined when it was not encrypted by this office for this order and version. */
  decryptPayerTag(encrypted: Uint8Array, orderKey: Uint8Array, version: number): string | undefined {
    if (encrypted.length < NONCE_BYTES + TAG_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#payerTagKey, encrypted.subarray(0, NONCE_BYTES))
    decipher.setAAD(placeOf(orderKey, version))
    decipher.setAuthTag(encrypted.subarray(-TAG_BYTES))
    try {
      const text = decipher.update(encrypted.subarray(NONCE_BYTES, -TAG_BYTES))
      return Buffer.concat([text, decipher.final()]).toString('utf8')
    } catch {
      return undefined
    }
  }

  /** 32 bytes, the same for the same value; without the secret they say nothing of it, however few values there are to try. */
  fingerprint(value: unknown): Uint8Array {
    return createHmac('sha256', this.#fingerprintKey).update(canonicalJson(value)).digest()
  }
}

const derive = (secret: Uint8Array, label: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), utf8ToBytes(label), 32))

function placeOf(orderKey: Uint8Array, version: number): Uint8Array {
  const place = Buffer.alloc(36)
  place.set(orderKey)
  place.writeUInt32BE(version, 32)
  return place
}
