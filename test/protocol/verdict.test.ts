import { expect } from 'chai'
import { ethers } from 'ethers'
import { type Bytes32, type Hex, ZERO_BYTES32 } from '../../protocol/hex.ts'
import {
  type AuditEvidence,
  CLOCK_TOLERANCE_S,
  deriveVerdict,
  VERDICTS,
  type Verdict,
} from '../../protocol/verdict.ts'

const digest = ethers.id('an answer') as Bytes32
const other = ethers.id('another answer') as Bytes32
const signature: Hex = '0x'

const agreeing: AuditEvidence = {
  given: { digest, answeredAt: 1000, recordBy: 1060, signature },
  recorded: { digest, blockNumber: 10, timestamp: 1030 },
  searchedTo: { blockNumber: 20, timestamp: 2000 },
  finalityDepth: 5,
  now: {
    outcome: 'answered',
    storedDigest: digest,
    derivedDigest: digest,
    nonce: other,
    answeredAt: 2000,
    signature,
  },
  authorStatus: 'active',
}
const given = agreeing.given!
const recorded = agreeing.recorded!
const now = agreeing.now as Extract<AuditEvidence['now'], { outcome: 'answered' }>

const cases: [string, Partial<AuditEvidence>, Verdict, string][] = [
  ['given, chain and now agree', {}, 'consistent', 'given-chain-and-now-agree'],
  [
    'the user was given nothing and the rest agrees',
    { given: null },
    'consistent',
    'given-chain-and-now-agree',
  ],
  [
    'the stored answer differs',
    { now: { ...now, storedDigest: other } },
    'changed',
    'stored-answer-differs-from-chain',
  ],
  [
    'the answer derived anew differs',
    { now: { ...now, derivedDigest: other } },
    'changed',
    'derived-answer-differs-from-chain',
  ],
  [
    'the user was given something else',
    { given: { ...given, digest: other } },
    'misreported',
    'given-differs-from-chain',
  ],
  [
    'recorded a second after the promise',
    { recorded: { ...recorded, timestamp: 1061 } },
    'late',
    'recorded-after-the-promise',
  ],
  [
    'recorded in the last second of the promise',
    { recorded: { ...recorded, timestamp: 1060 } },
    'consistent',
    'given-chain-and-now-agree',
  ],
  [
    'a strict answer recorded after it was given',
    { given: { ...given, recordBy: 0 }, recorded: { ...recorded, timestamp: 1000 + CLOCK_TOLERANCE_S + 1 } },
    'late',
    'recorded-after-the-promise',
  ],
  [
    'a strict answer recorded before it was given',
    { given: { ...given, recordBy: 0 }, recorded: { ...recorded, timestamp: 990 } },
    'consistent',
    'given-chain-and-now-agree',
  ],
  ['nothing on chain after the promise', { recorded: null }, 'unrecorded', 'nothing-on-chain'],
  [
    'nothing on chain within the promise',
    { recorded: null, searchedTo: { blockNumber: 20, timestamp: 1060 } },
    'unconfirmed',
    'promise-still-open',
  ],
  [
    'nothing on chain of a strict answer',
    { recorded: null, given: { ...given, recordBy: 0 } },
    'unrecorded',
    'nothing-on-chain',
  ],
  ['nothing on chain and nothing given', { recorded: null, given: null }, 'unrecorded', 'nothing-on-chain'],
  [
    'a record that is not final',
    { recorded: { ...recorded, blockNumber: 16 } },
    'unconfirmed',
    'record-not-final',
  ],
  [
    'a record that just became final',
    { recorded: { ...recorded, blockNumber: 15 } },
    'consistent',
    'given-chain-and-now-agree',
  ],
  [
    'no answer to the audit',
    { now: { outcome: 'unreachable', reason: 'timed out' } },
    'unreachable',
    'no-answer-to-the-audit',
  ],
  [
    'the author erased it',
    { now: { ...now, storedDigest: ZERO_BYTES32, derivedDigest: ZERO_BYTES32 } },
    'erased',
    'author-erased-it',
  ],
  [
    'the author was suspended',
    { authorStatus: 'suspended' },
    'suspended-author',
    'author-not-active-when-recording',
  ],
]

describe('verdict', () => {
  for (const [what, change, verdict, rule] of cases)
    it(`is ${verdict}: ${what}`, () => {
      const derived = deriveVerdict({ ...agreeing, ...change })
      expect(derived).to.include({ verdict, rule })
    })

  it('has a case here for every verdict', () => {
    expect(new Set(cases.map(([, , verdict]) => verdict))).to.deep.equal(new Set(VERDICTS))
  })

  it('lists every finding, the deciding one first', () => {
    const { verdict, findings } = deriveVerdict({
      ...agreeing,
      given: { ...given, digest: other },
      now: { ...now, storedDigest: other },
      recorded: { ...recorded, timestamp: 1100 },
      authorStatus: 'suspended',
    })
    expect(verdict).to.equal('misreported')
    expect(findings).to.deep.equal([
      'given-differs-from-chain',
      'stored-answer-differs-from-chain',
      'recorded-after-the-promise',
      'author-not-active-when-recording',
    ])
  })
})
