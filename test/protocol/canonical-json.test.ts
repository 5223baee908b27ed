import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import canonicalize from 'canonicalize'
import { expect } from 'chai'
import fc from 'fast-check'
import { canonicalJson, type Json, parseJson } from '../../protocol/canonical-json.ts'
import { contentHashOf } from '../../protocol/content-hash.ts'
import { expectError } from '../support/expect-error.ts'
import { sharedData } from '../support/shared-data.ts'

const shuffled = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, shuffled(member)]),
  )
}
const wellFormedJson = fc.jsonValue({ noUnicodeString: false }).filter((value) => {
  try {
    canonicalJson(value)
    return true
  } catch {
    return false
  }
}) as fc.Arbitrary<Json>

describe('canonical JSON', () => {
  describe('canonicalJson', () => {
    it('gives the bytes of the RFC 8785 suite', function () {
      const folder = sharedData(this, 'suite-jcs-rfc8785')
      const names = readdirSync(path.join(folder, 'input'))
      expect(names).to.not.be.empty
      for (const name of names) {
        const input = parseJson(readFileSync(path.join(folder, 'input', name), 'utf8'))
        const hex = readFileSync(path.join(folder, 'outhex', name.replace('.json', '.txt')), 'utf8').replace(
          /\s/g,
          '',
        )
        expect(Buffer.from(canonicalJson(input, { largeIntegers: 'accept' })).toString('hex'), name).to.equal(
          hex,
        )
      }
    })

    it('is what an independent implementation writes', () => {
      fc.assert(
        fc.property(wellFormedJson, (value) => {
          expect(canonicalJson(value)).to.equal(canonicalize(value))
        }),
        { numRuns: 500 },
      )
    })

    it('is the same whatever the order of the members', () => {
      fc.assert(
        fc.property(wellFormedJson, (value) => {
          expect(canonicalJson(shuffled(value))).to.equal(canonicalJson(value))
        }),
      )
    })

    it('is a fixed point: parsing and writing again changes nothing', () => {
      fc.assert(
        fc.property(wellFormedJson, (value) => {
          const text = canonicalJson(value)
          expect(canonicalJson(parseJson(text))).to.equal(text)
        }),
      )
    })

    const refused: [string, unknown, string][] = [
      ['NaN', { a: Number.NaN }, '$.a'],
      ['an infinity', [1, Number.POSITIVE_INFINITY], '$[1]'],
      ['an integer past 2^53', { amount: 2 ** 53 }, '$.amount'],
      ['an unpaired surrogate in a value', { a: ['\ud800'] }, '$.a[0]'],
      ['an unpaired surrogate in a name', { '\udc00': 1 }, '$'],
      ['undefined', { a: undefined }, '$.a'],
      ['a bigint', 1n, '$'],
      ['a function', { f: () => 1 }, '$.f'],
      ['a date', { at: new Date(0) }, '$.at'],
      ['a map', new Map(), '$'],
    ]
    for (const [what, value, path] of refused)
      it(`refuses ${what} and names the path`, () => {
        const error = expectError(() => canonicalJson(value), 'JSON_NOT_CANONICALISABLE')
        expect(error.details.path).to.equal(path)
      })

    it('refuses nesting past 64, a value that holds itself among it', () => {
      const loop: Record<string, unknown> = {}
      loop.loop = loop
      expectError(() => canonicalJson(loop), 'JSON_NOT_CANONICALISABLE')
    })
  })

  describe('parseJson', () => {
    it('does not quote the input, which may be personal data', () => {
      const error = expectError(() => parseJson('{"name":"Ada Lovelace"'), 'JSON_MALFORMED')
      expect(error.message).to.not.contain('Ada')
    })
  })

  describe('contentHashOf', () => {
    it('differs for results that differ anywhere', () => {
      fc.assert(
        fc.property(wellFormedJson, wellFormedJson, (a, b) => {
          expect(contentHashOf(a) === contentHashOf(b)).to.equal(canonicalJson(a) === canonicalJson(b))
        }),
      )
    })
  })
})
