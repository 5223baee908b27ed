import { createHash } from 'node:crypto'
import { expect } from 'chai'
import {
  AbiCoder,
  encodeBytes32String,
  hexlify,
  keccak256,
  TypedDataEncoder,
  toBeHex,
  toUtf8Bytes,
} from 'ethers'
import fc from 'fast-check'
import { contentHasher, evidenceContentHash } from '../../../protocol/credentials/content-hasher.ts'
import { CREDENTIAL_ISSUED_TOPIC } from '../../../protocol/credentials/credential-event.ts'
import { issuanceHash } from '../../../protocol/credentials/credential-issuance.ts'
import {
  credentialKey,
  expiryEntry,
  expiryKey,
  newCredentialId,
  readCredentialKey,
  reasonHashOf,
  revocationEntry,
  revocationKey,
} from '../../../protocol/credentials/credential-key.ts'
import { evidenceDigest } from '../../../protocol/credentials/evidence-digest.ts'
import { issuerDid, readIssuerDid } from '../../../protocol/credentials/issuer-did.ts'
import { type Address, type Bytes32, toAddress } from '../../../protocol/hex.ts'
import { secondsOfUtcTime, utcTime } from '../../../protocol/utc-time.ts'
import { expectError } from '../../support/expect-error.ts'

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => hexlify(array) as Bytes32)
const bytes32 = bytes(32)
const address = bytes(20).map((hex): Address => toAddress(hex))
const chainId = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const credentialId = fc.integer({ min: 0, max: 2 ** 47 }).map(() => newCredentialId())
const place = fc.record({ chainId, registry: address, issuer: address, credentialId })

const ethersDigest = (
  at: { chainId: number; registry: Address },
  type: string,
  fields: string,
  value: Record<string, unknown>,
): string =>
  TypedDataEncoder.hash(
    { name: 'Countersign', version: '1', chainId: at.chainId, verifyingContract: at.registry },
    {
      [type]: fields.split(',').map((field) => {
        const [kind, name] = field.split(' ') as [string, string]
        return { type: kind, name }
      }),
    },
    value,
  )

describe('digest of evidence', () => {
  it("is the EIP-712 hash of Evidence(…), by ethers' encoder", () => {
    const hashes = fc.record({ contentHash: bytes32, metadataHash: bytes32, salt: bytes32 })
    fc.assert(
      fc.property(place, hashes, (at, values) => {
        expect(evidenceDigest({ ...at, ...values })).to.equal(
          ethersDigest(
            at,
            'Evidence',
            'bytes32 credentialId,address issuer,bytes32 contentHash,bytes32 metadataHash,bytes32 salt',
            { credentialId: encodeBytes32String(at.credentialId), issuer: at.issuer, ...values },
          ),
        )
      }),
    )
  })

  it("is signed as CredentialIssuance(…), by ethers' encoder", () => {
    const hashes = fc.record({ digest: bytes32, documentHash: bytes32, proofHash: bytes32 })
    fc.assert(
      fc.property(place, hashes, (at, values) => {
        expect(issuanceHash({ ...at, ...values })).to.equal(
          ethersDigest(
            at,
            'CredentialIssuance',
            'bytes32 credentialId,address issuer,bytes32 digest,bytes32 documentHash,bytes32 proofHash',
            { credentialId: encodeBytes32String(at.credentialId), issuer: at.issuer, ...values },
          ),
        )
      }),
    )
  })

  it('changes with every value that it binds', () => {
    const base = {
      chainId: 1,
      registry: toAddress(`0x${'01'.repeat(20)}`),
      issuer: toAddress(`0x${'02'.repeat(20)}`),
      credentialId: newCredentialId(),
      contentHash: `0x${'03'.repeat(32)}`,
      metadataHash: `0x${'04'.repeat(32)}`,
      salt: `0x${'05'.repeat(32)}`,
    } as const
    const other = `0x${'06'.repeat(32)}` as const
    const changes = [
      ...[{ chainId: 2 }, { credentialId: newCredentialId() }, { contentHash: other }],
      ...[{ registry: base.issuer }, { issuer: base.registry }, { metadataHash: other }, { salt: other }],
    ]
    const digests = [{}, ...changes].map((change) => evidenceDigest({ ...base, ...change }))
    expect(new Set(digests)).to.have.length(changes.length + 1)
  })

  it('is of the sha256 of the bytes, however they come', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (chunks) => {
        const whole = Buffer.concat(chunks)
        const expected = `0x${createHash('sha256').update(whole).digest('hex')}`
        const hasher = contentHasher()
        for (const chunk of chunks) hasher.update(chunk)
        expect(hasher.digest()).to.equal(expected)
        expect(evidenceContentHash(whole)).to.equal(expected)
      }),
    )
  })
})

describe('key of a credential', () => {
  it("is the id's text, with a last byte for revocation and expiry", () => {
    const id = newCredentialId()
    const text = encodeBytes32String(id)
    expect(credentialKey(id)).to.equal(text)
    expect(revocationKey(id)).to.equal(`${text.slice(0, -2)}01`)
    expect(expiryKey(id)).to.equal(`${text.slice(0, -2)}02`)
  })

  it('reads back, and no other key does', () => {
    const id = newCredentialId()
    expect(readCredentialKey(credentialKey(id))).to.deep.equal({ credentialId: id, kind: 'issue' })
    expect(readCredentialKey(revocationKey(id))).to.deep.equal({ credentialId: id, kind: 'revocation' })
    expect(readCredentialKey(expiryKey(id))).to.deep.equal({ credentialId: id, kind: 'expiry' })
    const strange = [
      `${credentialKey(id).slice(0, -2)}03`,
      `${credentialKey(id).slice(0, -2)}ff`,
      `${credentialKey(id).slice(0, -4)}0100`,
      encodeBytes32String(id.toLowerCase()),
      encodeBytes32String(id.slice(1)),
      `0x${'00'.repeat(32)}`,
    ] as Bytes32[]
    for (const key of strange) expect(readCredentialKey(key), key).to.equal(undefined)
    fc.assert(
      fc.property(bytes32, (key) => {
        expect(readCredentialKey(key)).to.equal(undefined)
      }),
      { numRuns: 50 },
    )
  })

  it('is refused for what is no id', () => {
    expectError(() => credentialKey('01ARZ3NDEKTSV4RRFFQ69G5FA'), 'SERIAL_MALFORMED')
  })

  it('ascends with time', () => {
    const ids = Array.from({ length: 100 }, newCredentialId)
    expect(ids).to.deep.equal([...new Set(ids)].sort())
  })
})

describe('entry of a credential', () => {
  it('has the expiry as a word', () => {
    const id = newCredentialId()
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (expiresAt) => {
        const digest = AbiCoder.defaultAbiCoder().encode(['uint256'], [expiresAt])
        expect(expiryEntry(id, expiresAt)).to.deep.equal({ key: expiryKey(id), digest })
        expect(digest).to.equal(toBeHex(expiresAt, 32))
      }),
    )
  })

  it("has the hash of a revocation's reason", () => {
    const id = newCredentialId()
    const reason = 'Replaced by 2024/17 — see § 4'
    expect(reasonHashOf(reason)).to.equal(keccak256(toUtf8Bytes(reason)))
    expect(revocationEntry(id, reason)).to.deep.equal({
      key: revocationKey(id),
      digest: reasonHashOf(reason),
    })
  })

  for (const [what, reason] of Object.entries({
    'no text': 7,
    'an empty one': '',
    'one of 257 bytes': `${'é'.repeat(128)}e`,
    'one with a line end': 'a\nb',
    'one with an unseen character': 'a\u200bb',
    'one with half a surrogate pair': '\ud800',
    'one in two ways to write the same': 'e\u0301',
  }))
    it(`refuses ${what} as a reason, and does not quote it`, () => {
      const error = expectError(() => reasonHashOf(reason as string), 'REVOCATION_REASON_INVALID')
      expect(error.message).not.to.include('ab')
    })

  it('takes a reason of 256 bytes', () => {
    expect(reasonHashOf('é'.repeat(128))).to.match(/^0x/)
  })

  it('is announced by the events of the registry', () => {
    expect(CREDENTIAL_ISSUED_TOPIC).to.equal(
      keccak256(toUtf8Bytes('CredentialIssued(bytes32,address,bytes32)')),
    )
  })
})

describe('identifier of an issuer', () => {
  it('reads back', () => {
    fc.assert(
      fc.property(chainId, address, (id, issuer) => {
        expect(readIssuerDid(issuerDid(id, issuer))).to.deep.equal({ chainId: id, issuer })
      }),
    )
  })

  it('has one spelling', () => {
    const issuer = toAddress('0x52908400098527886e0f7030069857d2e4169ee7')
    for (const did of [
      issuerDid(1, issuer).toLowerCase(),
      issuerDid(1, issuer).replace(':1:', ':01:'),
      issuerDid(1, issuer).replace(':1:', ':9007199254740993:'),
      issuerDid(1, issuer).replace('0x5', '0X5'),
      `${issuerDid(1, issuer)} `,
      `did:pkh:solana:1:${issuer}`,
      'did:pkh:eip155:1:0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
      7,
    ])
      expect(readIssuerDid(did), String(did)).to.equal(undefined)
  })
})

describe('time in a credential', () => {
  it('reads back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(secondsOfUtcTime(utcTime(seconds))).to.equal(seconds)
      }),
    )
  })

  it('has one spelling and a day that is', () => {
    for (const text of [
      ...['2024-02-30T00:00:00Z', '2023-02-29T00:00:00Z', '2024-01-01T24:00:00Z', '2024-01-01T23:59:60Z'],
      ...['2024-01-01T00:00:00', '2024-01-01T00:00:00.0Z', '2024-01-01T00:00:00+00:00', '2024-01-01'],
      ...['1969-12-31T23:59:59Z', '2024-01-01t00:00:00z', '2024-01-01T00:00:00Z\n', '12024-01-01T00:00:00Z'],
    ])
      expect(secondsOfUtcTime(text), text).to.equal(undefined)
    expect(secondsOfUtcTime('2024-02-29T23:59:59Z')).to.equal(1_709_251_199)
  })
})
