import { expect } from 'chai'
import { FailureLimit } from '../../../indexer/api/payments/failure-limit.ts'
import { isCountersignError } from '../../../protocol/errors.ts'

describe('the limit of failed tries', () => {
  const limit = (change: object = {}) =>
    new FailureLimit({ max: 2, windowMs: 60_000, maxAtOnce: 3, ...change })
  const isRefused = (work: () => unknown): boolean => {
    try {
      work()
      return false
    } catch (error) {
      if (!isCountersignError(error, 'RATE_LIMITED')) throw error
      expect(error.details.retryAfter).to.be.within(1, 60)
      return true
    }
  }
  const fail = (of: FailureLimit, name: string) => {
    const attempt = of.begin(name)
    try {
      attempt.failed()
    } finally {
      attempt.ended()
    }
  }

  it('counts failures by name, and what is under way apart from them', () => {
    const of = limit()
    const attempts = [of.begin('a'), of.begin('a'), of.begin('a')]
    expect(isRefused(() => of.begin('a'))).to.equal(true)
    expect(isRefused(() => of.begin('b'))).to.equal(false)
    for (const attempt of attempts) {
      attempt.ended()
      attempt.ended()
    }
    for (let i = 0; i < 10; i++) of.begin('a').ended()
    fail(of, 'a')
    expect(isRefused(() => fail(of, 'a'))).to.equal(false)
    expect(isRefused(() => of.begin('a'))).to.equal(true)
    expect(isRefused(() => fail(of, 'c'))).to.equal(false)
  })

  it('tells nothing of a try that fails when others failed meanwhile', () => {
    const of = limit()
    const attempts = [of.begin('a'), of.begin('a'), of.begin('a')]
    expect(attempts.map((attempt) => isRefused(attempt.failed))).to.deep.equal([false, false, true])
  })

  it('forgets after its time, and the oldest names', async () => {
    const short = limit({ windowMs: 1_000 })
    fail(short, 'a')
    fail(short, 'a')
    expect(isRefused(() => short.begin('a'))).to.equal(true)
    await new Promise((resolve) => setTimeout(resolve, 1_010))
    expect(isRefused(() => short.begin('a'))).to.equal(false)
    const few = limit({ maxNames: 1, max: 1 })
    fail(few, 'a')
    fail(few, 'b')
    expect(isRefused(() => few.begin('a'))).to.equal(false)
    expect(isRefused(() => few.begin('b'))).to.equal(true)
  })
})
