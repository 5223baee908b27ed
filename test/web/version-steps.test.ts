import { expect } from 'chai'
import { ZERO_BYTES32 } from '../../protocol/hex.ts'
import type { HistoryAnswer, VersionAnswer } from '../../web/order/order-answer.ts'
import type { ReadVersion } from '../../web/order/read-history.ts'
import { standingOf, stepsOfVersion, verdictText } from '../../web/order/version-steps.ts'

describe('steps of a version', () => {
  const answerOf = (change: Partial<VersionAnswer>): VersionAnswer => ({
    orderKey: ZERO_BYTES32,
    version: 1,
    digest: ZERO_BYTES32,
    payload: '0x',
    entryDigest: ZERO_BYTES32,
    tier: 'recorded',
    transactionHash: ZERO_BYTES32,
    block: { number: 1, hash: ZERO_BYTES32, timestamp: 1 },
    logIndex: 0,
    finality: 'final',
    completeness: 'complete',
    authorStatus: 'active',
    suspended: false,
    repeated: false,
    late: false,
    ...change,
  })
  /** Of the last one, which is written a second time. */
  function stepsOf(...tiers: VersionAnswer['tier'][]) {
    const versions = tiers.map((tier, i) => answerOf({ tier, repeated: i > 0 }))
    const answer = versions.at(-1)!
    const version: ReadVersion = {
      ...{ answer, reading: 'sealed', visibility: 'sealed', clear: null },
      ...{ record: null, voucher: null, entryMatches: true },
    }
    const history: Pick<HistoryAnswer, 'registered' | 'versions'> = { registered: true, versions }
    const steps = stepsOfVersion(version, history, undefined)
    const failed = steps.filter(({ outcome }) => outcome === 'failed').map(({ key }) => key)
    return [failed.join(), standingOf(version, undefined, steps)]
  }

  it('tell a second time that can be from one that the registry would have refused', () => {
    expect(stepsOf('recorded', 'recorded')).to.deep.equal(['step.first-recorded.failed', 'failed'])
    expect(stepsOf('published', 'recorded')[0]).to.equal('step.first.failed')
    expect(stepsOf('recorded', 'published')[0]).to.equal('step.first.failed')
    expect(stepsOf('recorded')).to.deep.equal(['', 'sealed'])
  })

  it('name a published record that holds for less than a recorded one', () => {
    expect(verdictText('consistent', 'published')).to.equal('published')
    expect(verdictText('consistent', 'recorded')).to.equal('consistent')
    expect(verdictText('superseded', 'published')).to.equal('superseded')
  })
})
