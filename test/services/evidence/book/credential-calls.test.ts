import { expect } from 'chai'
import { Interface } from 'ethers'
import fc from 'fast-check'
import { CREDENTIAL_REGISTRY_ABI } from '../../../../protocol/abi/credential-registry.ts'
import { revocationEntry } from '../../../../protocol/credentials/credential-key.ts'
import { type Bytes32, bytesToHex, utf8ToBytes } from '../../../../protocol/hex.ts'
import { merkleRootOf } from '../../../../protocol/record-book.ts'
import { newSerial, serialToKey } from '../../../../protocol/serial.ts'
import {
  credentialCalls,
  EXPIRY_MARGIN,
  packExpiry,
} from '../../../../services/evidence/book/credential-calls.ts'
import { revocationCalls } from '../../../../services/evidence/book/revocation-calls.ts'
import type { CallEntry } from '../../../../services/party/book-writer/registry-calls.ts'

const registry = new Interface(CREDENTIAL_REGISTRY_ABI)
const MANIFESTS = 'https://evidence.example/v1/anchors'
const NOW = 1_800_000_000
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes))
const expiry = fc.option(
  fc.oneof(fc.integer({ min: 0, max: 253_402_300_799 }), fc.integer({ min: NOW - 4_500, max: NOW + 4_500 })),
  { nil: null },
)
const issue = fc
  .record({ digest, expiresAt: expiry })
  .map((one) => ({ ...one, key: serialToKey(newSerial()) }))
const issues = fc.array(issue, { minLength: 1, maxLength: 12 })
type Issue = { key: Bytes32; digest: Bytes32; expiresAt: number | null }
const entryOf = ({ key, digest, expiresAt }: Issue): CallEntry => ({
  key,
  digest,
  content: expiresAt === null ? null : packExpiry(expiresAt),
})

describe('call data of credentials', () => {
  it('issues as a general encoder does, without expiries that are past or near by any clock', () => {
    fc.assert(
      fc.property(issues, fc.integer({ min: -3_600, max: 3_600 }), (batch, ahead) => {
        const blockTime = NOW + ahead
        const credentials = batch.map(({ key, digest, expiresAt }) => ({
          credentialId: key,
          digest,
          expiresAt: (expiresAt ?? 0) <= Math.max(NOW, blockTime) + EXPIRY_MARGIN ? 0 : expiresAt!,
        }))
        const entries = batch.map(({ key, digest }) => ({ key, digest }))
        const isPlain = credentials.every(({ expiresAt }) => expiresAt === 0)
        const expected = !isPlain
          ? registry.encodeFunctionData('issueBatch', [credentials])
          : batch.length === 1
            ? registry.encodeFunctionData('record', [entries[0]!.key, entries[0]!.digest])
            : registry.encodeFunctionData('recordBatch', [entries])
        const calls = credentialCalls('record', MANIFESTS, () => NOW)
        expect(bytesToHex(calls.encode(batch.map(entryOf), blockTime))).to.equal(expected)
      }),
    )
  })

  it('publishes and anchors as a general encoder does', () => {
    fc.assert(
      fc.property(issues, (batch) => {
        const entries = batch.map(({ key, digest }) => ({ key, digest }))
        expect(bytesToHex(credentialCalls('publish', MANIFESTS).encode(batch.map(entryOf)))).to.equal(
          registry.encodeFunctionData('publish', [entries]),
        )
        const root = merkleRootOf(entries)
        expect(bytesToHex(credentialCalls('anchor', MANIFESTS).encode(batch.map(entryOf)))).to.equal(
          registry.encodeFunctionData('anchor', [root, batch.length, `${MANIFESTS}/${root}`]),
        )
      }),
    )
  })

  it('revokes as a general encoder does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 1, maxLength: 8 }), (lengths) => {
        const revocations = lengths.map((length, i) => ({
          credentialId: newSerial(),
          reason: 'r'.repeat(length - 1) + i,
        }))
        const data = revocationCalls.encode(
          revocations.map(({ credentialId, reason }) => ({
            ...revocationEntry(credentialId, reason.slice(0, 256)),
            content: utf8ToBytes(reason.slice(0, 256)),
          })),
        )
        expect(bytesToHex(data)).to.equal(
          registry.encodeFunctionData('revokeBatch', [
            revocations.map(({ credentialId, reason }) => ({
              credentialId: serialToKey(credentialId),
              reason: reason.slice(0, 256),
            })),
          ]),
        )
      }),
    )
  })
})
