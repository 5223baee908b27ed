import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Secp256k1 } from './secp256k1.ts'

/** Pure JavaScript: browsers, and machines for which there is no prebuilt binding. */
export const backend: Secp256k1 = {
  publicKeyOf: (privateKey) => secp256k1.getPublicKey(privateKey, false),
  sign: (hash, privateKey) => {
    const signature = secp256k1.sign(hash, privateKey, { prehash: false, lowS: true, format: 'recovered' })
    return { rs: signature.subarray(1), recovery: signature[0]! }
  },
  recover: (hash, rs, recovery) => {
    const signature = secp256k1.Signature.fromBytes(rs, 'compact').addRecoveryBit(recovery)
    return signature.recoverPublicKey(hash).toBytes(false)
  },
}
