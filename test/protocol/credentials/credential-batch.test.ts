import { expect } from 'chai'
import { TypedDataEncoder } from 'ethers'
import {
  credentialBatchDigest,
  credentialBatchHash,
  revocationBatchDigest,
  revocationBatchHash,
} from '../../../protocol/credentials/credential-batch.ts'
import { credentialKey, newCredentialId } from '../../../protocol/credentials/credential-key.ts'
import { concatBytes, hexToBytes, keccak256Hex, randomBytes32, utf8ToBytes } from '../../../protocol/hex.ts'

const place = { chainId: 31337, registry: '0x5FbDB2315678afecb367f032d93F642f64180aa3' } as const
const issuer = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
const deadline = 4_000_000_000
const newKey = () => credentialKey(newCredentialId())

/** By ethers' own EIP-712. */
const digestByEthers = (type: string, batchHash: string): string =>
  TypedDataEncoder.hash(
    { name: 'Countersign', version: '1', chainId: place.chainId, verifyingContract: place.registry },
    {
      [type]: [
        { name: 'issuer', type: 'address' },
        { name: 'batchHash', type: 'bytes32' },
        { name: 'deadline', type: 'uint256' },
      ],
    },
    { issuer, batchHash, deadline },
  )

describe('batches that an issuer signs', () => {
  const credentials = [
    { credentialId: newKey(), digest: randomBytes32(), expiresAt: 0 },
    { credentialId: newKey(), digest: randomBytes32(), expiresAt: 2n ** 64n - 1n },
  ]
  const revocations = [
    { credentialId: newKey(), reason: 'superseded' },
    { credentialId: newKey(), reason: '已被更正后的报告取代' },
  ]

  it('hash credentials as three words each', () => {
    const [first, second] = credentials
    const words = [first!.credentialId, first!.digest, `0x${'00'.repeat(32)}`, second!.credentialId]
    const rest = [second!.digest, `0x${'00'.repeat(24)}${'ff'.repeat(8)}`]
    expect(credentialBatchHash(credentials)).to.equal(
      keccak256Hex(concatBytes(...[...words, ...rest].map((word) => hexToBytes(word)))),
    )
  })

  it('hash revocations as two words each, the second of the reason in UTF-8', () => {
    const words = revocations.flatMap(({ credentialId, reason }) => [
      hexToBytes(credentialId),
      hexToBytes(keccak256Hex(utf8ToBytes(reason))),
    ])
    expect(revocationBatchHash(revocations)).to.equal(keccak256Hex(concatBytes(...words)))
  })

  it('have the digests that ethers computes, never the same for both kinds', () => {
    const batch = { ...place, issuer, deadline } as const
    const issues = credentialBatchDigest({ ...batch, credentials })
    const revokes = revocationBatchDigest({ ...batch, revocations })
    expect(issues).to.equal(digestByEthers('CredentialBatch', credentialBatchHash(credentials)))
    expect(revokes).to.equal(digestByEthers('RevocationBatch', revocationBatchHash(revocations)))
    expect(credentialBatchDigest({ ...batch, credentials: [] })).not.to.equal(
      revocationBatchDigest({ ...batch, revocations: [] }),
    )
  })
})
