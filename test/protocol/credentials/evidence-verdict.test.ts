import { expect } from 'chai'
import fc from 'fast-check'
import {
  deriveEvidenceVerdict,
  EVIDENCE_VERDICTS,
  type EvidenceVerdict,
  type VerdictEvidence,
} from '../../../protocol/credentials/evidence-verdict.ts'
import { evidenceArbitrary, someEvidence } from './evidence-arbitrary.ts'

const OTHER = `0x${'2'.repeat(64)}` as const
const kept = someEvidence().kept as Extract<VerdictEvidence['kept'], { state: 'kept' }>
const recorded = someEvidence().recorded!

/** What each rule alone takes, in the order of precedence. */
const CASES: [rule: string, verdict: EvidenceVerdict, change: Partial<VerdictEvidence>][] = [
  ['erased-by-issuer', 'erased', { kept: { state: 'erased' } }],
  ['content-not-found', 'missing', { kept: { state: 'missing' } }],
  ['content-or-metadata-differs', 'tampered', { kept: { ...kept, digestNow: OTHER } }],
  ['chain-has-another-digest', 'tampered', { recorded: { ...recorded, digest: OTHER } }],
  ['revoked-on-chain', 'revoked', { revocation: { reason: 'mistake', blockNumber: 9 } }],
  ['past-its-expiry', 'expired', { expiresAt: 1000 }],
  ['not-on-chain', 'unconfirmed', { recorded: null }],
  ['not-final', 'unconfirmed', { recorded: { ...recorded, blockNumber: 6 } }],
]

describe('verdict on evidence', () => {
  it('is intact when what is kept, what was signed and what is on chain agree', () => {
    expect(deriveEvidenceVerdict(someEvidence())).to.deep.equal({
      verdict: 'intact',
      rule: 'kept-signed-and-chain-agree',
      findings: [],
    })
  })

  for (const [rule, verdict, change] of CASES)
    it(`is ${verdict} by the rule ${rule}`, () => {
      expect(deriveEvidenceVerdict(someEvidence(change))).to.deep.equal({ verdict, rule, findings: [rule] })
    })

  it('is decided by the first of two rules that hold, and names both', () => {
    for (const [i, [first, verdict, change]] of CASES.entries())
      for (const [second, , other] of CASES.slice(i + 1)) {
        // Two that say something of the same member cannot both be said.
        if (Object.keys(change).some((member) => member in other)) continue
        const derived = deriveEvidenceVerdict(someEvidence({ ...other, ...change }))
        expect(derived).to.deep.equal({ verdict, rule: first, findings: [first, second] })
      }
  })

  it('turns at the second of expiry, and at the block of finality', () => {
    const at = (change: Partial<VerdictEvidence>) => deriveEvidenceVerdict(someEvidence(change)).verdict
    expect(at({ expiresAt: 1001 })).to.equal('intact')
    expect(at({ expiresAt: 1000 })).to.equal('expired')
    expect(at({ recorded: { ...recorded, blockNumber: 5 } })).to.equal('intact')
    expect(at({ recorded: { ...recorded, blockNumber: 6 } })).to.equal('unconfirmed')
    expect(at({ recorded: { ...recorded, blockNumber: 10 }, finalityDepth: 0 })).to.equal('intact')
  })

  it('is intact only when nothing speaks against it', () => {
    fc.assert(
      fc.property(evidenceArbitrary, (evidence) => {
        const { verdict, findings } = deriveEvidenceVerdict(evidence)
        const isIntact =
          evidence.kept.state === 'kept' &&
          evidence.recorded !== null &&
          evidence.kept.digestNow === evidence.signedDigest &&
          evidence.signedDigest === evidence.recorded.digest &&
          evidence.revocation === null &&
          (evidence.expiresAt === null || evidence.now < evidence.expiresAt) &&
          evidence.searchedTo.blockNumber - evidence.recorded.blockNumber >= evidence.finalityDepth
        expect(verdict === 'intact').to.equal(isIntact)
        expect(findings.length === 0).to.equal(isIntact)
        expect(EVIDENCE_VERDICTS).to.include(verdict)
      }),
      { numRuns: 2000 },
    )
  })

  it('is tampered whenever kept content gives another digest than the chain', () => {
    fc.assert(
      fc.property(evidenceArbitrary, (evidence) => {
        const { kept: now, recorded: onChain } = evidence
        if (now.state !== 'kept' || onChain === null || now.digestNow === onChain.digest) return
        expect(deriveEvidenceVerdict(evidence).verdict).to.equal('tampered')
      }),
      { numRuns: 2000 },
    )
  })

  it('is never better for a revocation', () => {
    fc.assert(
      fc.property(evidenceArbitrary, (evidence) => {
        const revoked = { ...evidence, revocation: { reason: 'mistake', blockNumber: 1 } }
        const before = deriveEvidenceVerdict({ ...evidence, revocation: null }).verdict
        const isGraver = ['erased', 'missing', 'tampered'].includes(before)
        expect(deriveEvidenceVerdict(revoked).verdict).to.equal(isGraver ? before : 'revoked')
      }),
    )
  })

  it('gives every verdict for some evidence', () => {
    // One in a thousand is intact: the same sample each time, which has some.
    const sample = fc.sample(evidenceArbitrary, { numRuns: 5000, seed: 1 })
    const given = new Set(sample.map((evidence) => deriveEvidenceVerdict(evidence).verdict))
    expect([...given].sort()).to.deep.equal([...EVIDENCE_VERDICTS].sort())
  })
})
