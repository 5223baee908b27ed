import canonicalize from 'canonicalize'
import { expect } from 'chai'
import { keccak256, toUtf8Bytes } from 'ethers'
import fc from 'fast-check'
import {
  checkEvidenceMetadata,
  type EvidenceMetadata,
  expiresAtOf,
  metadataHashOf,
} from '../../../protocol/credentials/evidence-metadata.ts'
import { expectError } from '../../support/expect-error.ts'

const some = (change: Record<string, unknown> = {}) => ({ mediaType: 'text/plain', size: 3, ...change })
const nested = (levels: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = { a: value }
  return value
}

/** JSON has larger ones; metadata does not take them. */
const withSafeIntegers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_name, item) =>
    Number.isInteger(item) && !Number.isSafeInteger(item) ? 0 : item,
  )

const arbitrary = fc.record(
  {
    name: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter(
        (name) => !/[/\\\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(name) && !/^\.\.?$/.test(name),
      ),
    mediaType: fc.constantFrom(
      'text/plain',
      'application/vnd.oasis.opendocument.text',
      'image/svg+xml',
      'x/y',
    ),
    size: fc.maxSafeNat(),
    validUntil: fc.constantFrom('2024-02-29T23:59:59Z', '9999-12-31T23:59:59Z', '1970-01-01T00:00:00Z'),
    fields: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }).map(withSafeIntegers)),
  },
  { requiredKeys: ['mediaType', 'size'] },
)

describe('metadata of evidence', () => {
  it('is taken as it is, and hashed in its canonical form', () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const metadata = checkEvidenceMetadata(JSON.parse(JSON.stringify(value)))
        expect(metadata).to.deep.equal(JSON.parse(JSON.stringify(value)))
        expect(metadataHashOf(metadata)).to.equal(keccak256(toUtf8Bytes(canonicalize(metadata)!)))
      }),
    )
  })

  it('hashes the same whatever the order of its members', () => {
    const metadata = some({ name: 'a', fields: { b: 1, a: 2 } }) as EvidenceMetadata
    const turned = Object.fromEntries(Object.entries(metadata).reverse()) as unknown as EvidenceMetadata
    expect(metadataHashOf(turned)).to.equal(metadataHashOf(metadata))
  })

  it('says when it expires', () => {
    expect(expiresAtOf(some({ validUntil: '2030-01-01T00:00:00Z' }))).to.equal(1_893_456_000)
    expect(expiresAtOf(some())).to.equal(undefined)
  })

  for (const name of [
    ...['a.txt', '…', 'Ünïcode 文書 🗎.pdf', '...', '.hidden', 'a..b', '~', '%2e%2e%2f', 'a'.repeat(255)],
    ...['é'.repeat(127), 'CON', 'a b', ' a', "'; DROP TABLE evidence; --", '<b>'],
  ])
    it(`takes the name ${JSON.stringify(name.slice(0, 30))}`, () => {
      expect(checkEvidenceMetadata(some({ name })).name).to.equal(name)
    })

  for (const name of [
    ...['', '.', '..', '../x', 'a/b', '/etc/passwd', '..\\x', 'C:\\x', 'a\0b', 'a\nb', 'a\u007f', 'a\u0085b'],
    ...['a'.repeat(256), 'é'.repeat(128), 'a\ud800', 'x\u202egpj.exe', 'a\u2028b', 7, null, ['a']],
  ])
    it(`refuses the name ${JSON.stringify(name)?.slice(0, 30)}`, () => {
      expect(refusedMember(some({ name }))).to.equal('name')
    })

  const refusals: [string, unknown, string][] = [
    ['no object', 7, 'metadata'],
    ['a list', [], 'metadata'],
    ['null', null, 'metadata'],
    ['a member that is not known', some({ secret: 1 }), 'metadata'],
    ['no media type', { size: 1 }, 'mediaType'],
    ['a media type with parameters', some({ mediaType: 'text/plain; charset=utf-8' }), 'mediaType'],
    ['a media type without a subtype', some({ mediaType: 'text' }), 'mediaType'],
    ['a media type with a line end', some({ mediaType: 'text/plain\n' }), 'mediaType'],
    ['a media type of 128 characters', some({ mediaType: `text/${'a'.repeat(123)}` }), 'mediaType'],
    ['no size', { mediaType: 'text/plain' }, 'size'],
    ['a size below zero', some({ size: -1 }), 'size'],
    ['half a byte', some({ size: 1.5 }), 'size'],
    ['a size past 2^53', some({ size: 2 ** 53 }), 'size'],
    ['a size as a text', some({ size: '1' }), 'size'],
    ['a day that is not', some({ validUntil: '2023-02-29T00:00:00Z' }), 'validUntil'],
    ['an expiry with milliseconds', some({ validUntil: '2023-02-28T00:00:00.000Z' }), 'validUntil'],
    ['a null expiry', some({ validUntil: null }), 'validUntil'],
    ['fields that are a list', some({ fields: [] }), 'fields'],
    ['an undefined member', some({ fields: undefined }), 'fields'],
    ['a field without a canonical form', some({ fields: { secret: 2 ** 53 } }), 'metadata'],
    ['a field that is not a number', some({ fields: { secret: Number.NaN } }), 'metadata'],
    ['half a surrogate pair in a field', some({ fields: { secret: '\ud800' } }), 'metadata'],
    ['fields nested too deep', some({ fields: nested(32) }), 'fields'],
    ['fields nested far too deep', some({ fields: nested(10_000) }), 'metadata'],
    ['more than 16 KiB', some({ fields: { secret: 'x'.repeat(16 * 1024) } }), 'metadata'],
  ]
  for (const [what, value, member] of refusals)
    it(`refuses ${what}`, () => expect(refusedMember(value)).to.equal(member))

  it('takes 16 KiB, and fields 31 levels deep', () => {
    const room = 16 * 1024 - JSON.stringify(some({ fields: { a: '' } })).length
    checkEvidenceMetadata(some({ fields: { a: 'x'.repeat(room) } }))
    expect(refusedMember(some({ fields: { a: 'x'.repeat(room + 1) } }))).to.equal('metadata')
    checkEvidenceMetadata(some({ fields: nested(31) }))
  })

  it('keeps what it refuses out of the error', () => {
    for (const value of [
      some({ name: 'topsecret/x' }),
      some({ topsecret: 1 }),
      some({ fields: { topsecret: 2 ** 60 } }),
      some({ mediaType: 'topsecret' }),
      some({ validUntil: 'topsecret' }),
    ]) {
      const error = expectError(() => checkEvidenceMetadata(value), 'EVIDENCE_METADATA_INVALID')
      const shown = JSON.stringify([error.message, error.details, error.action, String(error.cause)])
      expect(shown).not.to.include('topsecret')
    }
  })
})

const refusedMember = (value: unknown): unknown =>
  expectError(() => checkEvidenceMetadata(value), 'EVIDENCE_METADATA_INVALID').details.member
