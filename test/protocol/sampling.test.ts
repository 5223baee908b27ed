import { expect } from 'chai'
import fc from 'fast-check'
import { bytesToHex } from '../../protocol/hex.ts'
import { boundAltered, selectSample } from '../../protocol/sampling.ts'
import { newSerial } from '../../protocol/serial.ts'
import { expectError } from '../support/expect-error.ts'

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)
const serials = Array.from({ length: 200 }, () => newSerial())

describe('sampling', () => {
  describe('selectSample', () => {
    it('draws the same from the same seed, whatever the order of the list', () => {
      fc.assert(
        fc.property(seed, fc.shuffledSubarray(serials, { minLength: 200 }), (seed, shuffled) => {
          expect(selectSample(shuffled, 20, seed)).to.deep.equal(selectSample(serials, 20, seed))
        }),
        { numRuns: 10 },
      )
    })

    it('draws without repetition, and a larger sample holds the smaller', () => {
      fc.assert(
        fc.property(seed, fc.integer({ min: 0, max: 200 }), (seed, size) => {
          const sample = selectSample(serials, size, seed)
          expect(new Set(sample).size).to.equal(size)
          expect(selectSample(serials, 200, seed).slice(0, size)).to.deep.equal(sample)
        }),
        { numRuns: 10 },
      )
    })
  })

  describe('boundAltered', () => {
    const bound = (population: number, sampled: number, altered: number, confidence = 0.95) =>
      boundAltered({ population, sampled, altered, confidence })

    it('gives figures known from acceptance sampling', () => {
      // 59 drawn from a very large lot without a find exclude 5 % altered with 95 % confidence: 0.95^59 < 0.05 < 0.95^58.
      expect(bound(10_000_000, 59, 0).alteredShareAtMost).to.be.within(0.049, 0.05)
      expect(bound(10_000_000, 58, 0).alteredShareAtMost).to.be.above(0.05)
    })

    it('is exact in a small lot', () => {
      // One of two drawn, none altered: with one altered the chance to miss it is a half.
      expect(bound(2, 1, 0, 0.6).alteredAtMost).to.equal(1)
      expect(bound(2, 1, 0, 0.4).alteredAtMost).to.equal(0)
      expect(bound(4, 2, 0, 0.9).alteredAtMost).to.equal(2)
      expect(bound(10, 5, 0, 0.95).alteredAtMost).to.equal(3)
    })

    it('leaves nothing open when all were drawn', () => {
      expect(bound(1000, 1000, 37)).to.deep.equal({
        alteredAtMost: 37,
        alteredShareAtMost: 0.037,
        missedShareAtMost: 0,
      })
      expect(bound(0, 0, 0)).to.deep.equal({ alteredAtMost: 0, alteredShareAtMost: 0, missedShareAtMost: 0 })
    })

    it('falls with the sample, rises with the finds and with the confidence', () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 50, max: 5000 }),
          fc.integer({ min: 2, max: 50 }),
          fc.nat({ max: 1 }),
          (population, sampled, altered) => {
            const here = bound(population, sampled, altered).alteredAtMost
            expect(bound(population, sampled, altered + 1).alteredAtMost).to.be.at.least(here)
            expect(bound(population, sampled, altered, 0.99).alteredAtMost).to.be.at.least(here)
            if (altered < sampled - 1)
              expect(bound(population, sampled - 1, altered).alteredAtMost).to.be.at.least(here)
          },
        ),
      )
    })

    for (const [what, outcome] of Object.entries({
      'more sampled than there are': { population: 1, sampled: 2, altered: 0, confidence: 0.9 },
      'more altered than sampled': { population: 3, sampled: 2, altered: 3, confidence: 0.9 },
      'a fraction of a record': { population: 3, sampled: 1.5, altered: 0, confidence: 0.9 },
      certainty: { population: 3, sampled: 1, altered: 0, confidence: 1 },
    }))
      it(`refuses ${what}`, () => {
        expectError(() => boundAltered(outcome), 'SAMPLE_INVALID')
      })
  })
})
