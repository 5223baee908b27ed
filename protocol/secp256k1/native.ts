import secp256k1 from 'secp256k1'
import type { Secp256k1 } from './secp256k1.ts'

/** libsecp256k1 through its prebuilt Node binding: about 25 times the pure JavaScript speed. */
export const backend: Secp256k1 = {
  publicKeyOf: (privateKey) => secp256k1.publicKeyCreate(privateKey, false),
  sign: (hash, privateKey) => {
    const { signature, recid } = secp256k1.ecdsaSign(hash, privateKey)
    return { rs: signature, recovery: recid }
  },
  recover: (hash, rs, recovery) => secp256k1.ecdsaRecover(rs, recovery, hash, false),
}
