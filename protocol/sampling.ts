import { CountersignError } from './errors.ts'
import { type Bytes32, concatBytes, hexToBytes, keccak256Hex } from './hex.ts'
import { type Serial, serialToKey } from './serial.ts'

/**
 * Draws `size` serials: those with the smallest `keccak256(seed ‖ key)`, in that order. Whoever has the seed and the list draws the
 * same, and nobody who did not know the seed when recording could have aimed around it.
 */
export function selectSample(serials: readonly Serial[], size: number, seed: Bytes32): Serial[] {
  const seedBytes = hexToBytes(seed, 32)
  return serials
    .map((serial) => ({
      serial,
      rank: keccak256Hex(concatBytes(seedBytes, hexToBytes(serialToKey(serial)))),
    }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, size)
    .map(({ serial }) => serial)
}

export interface SampleOutcome {
  /** Records the sample was drawn from. */
  population: number
  sampled: number
  /** Sampled records that were found altered. */
  altered: number
  /** Between 0 and 1, e.g. 0.95. */
  confidence: number
}

export interface SampleBound {
  /** With this confidence no more records than this are altered, found ones included. */
  alteredAtMost: number
  /** The same as a share of the population. */
  alteredShareAtMost: number
  /** Share of the population that may be altered without the sample having shown it. */
  missedShareAtMost: number
}

/**
 * What a sample without replacement leaves open: the one-sided upper bound on the altered records, exact by the hypergeometric
 * distribution (the largest number under which finding so few still had a probability of at least 1 − confidence).
 * @throws SAMPLE_INVALID
 */
export function boundAltered({ population, sampled, altered, confidence }: SampleOutcome): SampleBound {
  const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
  if (![population, sampled, altered].every(isCount) || sampled > population || altered > sampled)
    throw new CountersignError('SAMPLE_INVALID', `${altered} altered of ${sampled} sampled of ${population}`)
  if (!(confidence > 0 && confidence < 1))
    throw new CountersignError('SAMPLE_INVALID', `confidence ${confidence} is not between 0 and 1`)
  let low = altered
  let high = population - (sampled - altered)
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (probabilityOfAtMost(altered, population, middle, sampled) >= 1 - confidence) low = middle
    else high = middle - 1
  }
  return {
    alteredAtMost: low,
    alteredShareAtMost: population === 0 ? 0 : low / population,
    missedShareAtMost: population === 0 ? 0 : (low - altered) / population,
  }
}

/** P(X ≤ found) when `sampled` of `population` are drawn without replacement and `altered` of the population are altered. */
function probabilityOfAtMost(found: number, population: number, altered: number, sampled: number): number {
  const least = Math.max(0, sampled - (population - altered))
  const total = logChoose(population, sampled)
  let probability = 0
  for (let i = least; i <= Math.min(found, altered); i++)
    probability += Math.exp(logChoose(altered, i) + logChoose(population - altered, sampled - i) - total)
  return Math.min(1, probability)
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k)

/** Exact sums for small n; past them Stirling's series, whose error there is below 1e-13. */
function logFactorial(n: number): number {
  if (n < SMALL_LOG_FACTORIALS.length) return SMALL_LOG_FACTORIALS[n]!
  return (
    n * Math.log(n) -
    n +
    0.5 * Math.log(2 * Math.PI * n) +
    1 / (12 * n) -
    1 / (360 * n ** 3) +
    1 / (1260 * n ** 5)
  )
}

const SMALL_LOG_FACTORIALS: number[] = [0]
for (let n = 1; n < 256; n++) SMALL_LOG_FACTORIALS.push(SMALL_LOG_FACTORIALS[n - 1]! + Math.log(n))
