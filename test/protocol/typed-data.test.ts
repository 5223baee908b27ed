import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { ethers } from 'ethers'
import fc from 'fast-check'
import { answerStatementHash } from '../../protocol/answer-statement.ts'
import { auditStatementHash } from '../../protocol/audit-statement.ts'
import { type Address, type Bytes32, bytesToHex, toAddress } from '../../protocol/hex.ts'
import { queryResultDigest } from '../../protocol/query-result.ts'
import { batchHash, recordBatchDigest } from '../../protocol/record-book.ts'
import { newSerial, serialToKey } from '../../protocol/serial.ts'
import { hashTypedData, type TypedDomain, type TypedTypes } from '../../protocol/typed-data.ts'
import { expectError } from '../support/expect-error.ts'
import { sharedData } from '../support/shared-data.ts'

interface SuiteCase {
  name: string
  domain: TypedDomain
  primaryType: string
  types: TypedTypes
  data: unknown
  digest: string
}
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)
const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toAddress(bytesToHex(bytes)))
const seconds = fc.integer({ min: 0, max: 2 ** 40 })
const serial = fc.integer({ min: 0, max: 2 ** 47 }).map(newSerial)
const chainId = fc.integer({ min: 1, max: 2 ** 31 })

const domainOf = (chainId: number, verifyingContract: Address) => ({
  name: 'Countersign',
  version: '1',
  chainId,
  verifyingContract,
})

describe('typed data', () => {
  it('gives the digests of the EIP-712 suite', function () {
    const cases = JSON.parse(
      readFileSync(sharedData(this, 'suite-eip712-typed-data', 'typed-data.json'), 'utf8'),
    ) as SuiteCase[]
    expect(cases).to.have.length.above(80)
    for (const { name, domain, types, primaryType, data, digest } of cases)
      expect(hashTypedData(domain, types, primaryType, data), name).to.equal(digest)
  })

  it('hashes a query result as ethers does', () => {
    fc.assert(
      fc.property(
        chainId,
        address,
        serial,
        address,
        bytes32,
        bytes32,
        (chainId, registry, serial, provider, contentHash, salt) => {
          const types = {
            QueryResult: fields('bytes32 serial', 'address provider', 'bytes32 contentHash', 'bytes32 salt'),
          }
          expect(queryResultDigest({ chainId, registry, serial, provider, contentHash, salt })).to.equal(
            ethers.TypedDataEncoder.hash(domainOf(chainId, registry), types, {
              serial: serialToKey(serial),
              provider,
              contentHash,
              salt,
            }),
          )
        },
      ),
    )
  })

  it('hashes an answer statement as ethers does', () => {
    fc.assert(
      fc.property(
        chainId,
        address,
        serial,
        address,
        bytes32,
        seconds,
        seconds,
        (chainId, registry, serial, provider, digest, answeredAt, recordBy) => {
          const types = {
            Answer: fields(
              'bytes32 serial',
              'address provider',
              'bytes32 digest',
              'uint64 answeredAt',
              'uint64 recordBy',
            ),
          }
          expect(
            answerStatementHash({ chainId, registry, serial, provider, digest, answeredAt, recordBy }),
          ).to.equal(
            ethers.TypedDataEncoder.hash(domainOf(chainId, registry), types, {
              serial: serialToKey(serial),
              provider,
              digest,
              answeredAt,
              recordBy,
            }),
          )
        },
      ),
    )
  })

  it('hashes an audit statement as ethers does', () => {
    fc.assert(
      fc.property(
        chainId,
        address,
        serial,
        address,
        bytes32,
        bytes32,
        bytes32,
        seconds,
        (chainId, registry, serial, provider, storedDigest, derivedDigest, nonce, answeredAt) => {
          const types = {
            AuditAnswer: fields(
              'bytes32 serial',
              'address provider',
              'bytes32 storedDigest',
              'bytes32 derivedDigest',
              'bytes32 nonce',
              'uint64 answeredAt',
            ),
          }
          expect(
            auditStatementHash({
              chainId,
              registry,
              serial,
              provider,
              storedDigest,
              derivedDigest,
              nonce,
              answeredAt,
            }),
          ).to.equal(
            ethers.TypedDataEncoder.hash(domainOf(chainId, registry), types, {
              serial: serialToKey(serial),
              provider,
              storedDigest,
              derivedDigest,
              nonce,
              answeredAt,
            }),
          )
        },
      ),
    )
  })

  it('hashes a batch to relay as ethers does', () => {
    const entries = fc.array(fc.record({ key: bytes32, digest: bytes32 }), { maxLength: 5 })
    fc.assert(
      fc.property(
        chainId,
        address,
        address,
        entries,
        seconds,
        (chainId, registry, author, entries, deadline) => {
          const types = { RecordBatch: fields('address author', 'bytes32 batchHash', 'uint256 deadline') }
          const hash = ethers.keccak256(ethers.concat(entries.flatMap(({ key, digest }) => [key, digest])))
          expect(batchHash(entries)).to.equal(hash)
          expect(recordBatchDigest({ chainId, registry, author, entries, deadline })).to.equal(
            ethers.TypedDataEncoder.hash(domainOf(chainId, registry), types, {
              author,
              batchHash: hash,
              deadline,
            }),
          )
        },
      ),
    )
  })

  const types: TypedTypes = {
    Thing: fields('uint8 small', 'address who', 'bytes4 tag', 'bool on', 'int16[2] pair'),
  }
  const thing = { small: 1, who: `0x${'11'.repeat(20)}`, tag: '0x01020304', on: true, pair: [-1, 1] }
  it('accepts what fits', () => {
    expect(hashTypedData({ name: 'x' }, types, 'Thing', thing)).to.equal(
      ethers.TypedDataEncoder.hash({ name: 'x' }, types as Record<string, ethers.TypedDataField[]>, thing),
    )
  })
  for (const [what, change] of Object.entries({
    'a number past its type': { small: 256 },
    'a negative unsigned number': { small: -1 },
    'a fraction': { small: 0.5 },
    'text for a number': { small: 'one' },
    'a short address': { who: '0x11' },
    'long fixed bytes': { tag: '0x0102030405' },
    'bytes that are not hexadecimal': { tag: 'abcd' },
    'a number for a boolean': { on: 1 },
    'an array of another length': { pair: [1] },
    'a missing member': { pair: undefined },
  }))
    it(`refuses ${what} and names the member`, () => {
      const error = expectError(
        () => hashTypedData({ name: 'x' }, types, 'Thing', { ...thing, ...change }),
        'TYPED_DATA_INVALID',
      )
      expect(error.message).to.contain(`Thing.${Object.keys(change)[0]}`)
    })
  it('refuses an unknown type', () => {
    expectError(() => hashTypedData({}, { A: fields('uint7 x') }, 'A', { x: 1 }), 'TYPED_DATA_INVALID')
    expectError(() => hashTypedData({}, { A: fields('thing x') }, 'A', { x: 1 }), 'TYPED_DATA_INVALID')
    expectError(() => hashTypedData({}, { A: [] }, 'B', {}), 'TYPED_DATA_INVALID')
    expectError(() => hashTypedData({}, { A: [] }, 'A', 7 as unknown as Bytes32), 'TYPED_DATA_INVALID')
  })
})

function fields(...declared: string[]): { type: string; name: string }[] {
  return declared.map((field) => {
    const [type, name] = field.split(' ')
    return { type: type!, name: name! }
  })
}
