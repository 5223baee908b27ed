import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { ReadLimiter } from '../../../../services/evidence/verification/read-limiter.ts'
import { expectRejection } from '../../../support/expect-error.ts'

describe('limit on contents read at a time', () => {
  const never = new AbortController().signal
  /** Work that goes on until it is told to end. */
  function work(limiter: ReadLimiter, client: number, signal = never) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const state = { isRunning: false, end: resolve, done: Promise.resolve() }
    state.done = limiter.run(client, signal, async () => {
      state.isRunning = true
      await promise.finally(() => {
        state.isRunning = false
      })
    })
    return state
  }
  const running = (works: { isRunning: boolean }[]): number[] =>
    works.flatMap(({ isRunning }, i) => (isRunning ? [i] : []))

  it('lets so many of all and so many of one client run, in their order', async () => {
    const limiter = new ReadLimiter({ total: 3, perClient: 2 })
    const works = [1, 1, 1, 2, 2].map((client) => work(limiter, client))
    await turn()
    expect(running(works)).to.deep.equal([0, 1, 3])
    works[3]!.end()
    await turn()
    // The third of the first client still waits for one of its own.
    expect(running(works)).to.deep.equal([0, 1, 4])
    works[0]!.end()
    await turn()
    expect(running(works)).to.deep.equal([1, 2, 4])
    for (const { end } of works) end()
    await Promise.all(works.map(({ done }) => done))
  })

  it('has clients take turns, however many wait of one', async () => {
    const limiter = new ReadLimiter({ total: 1, perClient: 1 })
    const works = [1, 1, 1, 1, 2, 3].map((client) => work(limiter, client))
    const order: number[] = []
    for (const _ of works) {
      await turn()
      const [now] = running(works)
      order.push(now!)
      works[now!]!.end()
      await works[now!]!.done
    }
    expect(order).to.deep.equal([0, 1, 4, 5, 2, 3])
  })

  it('refuses more than may wait, of that client alone', async () => {
    const limiter = new ReadLimiter({ total: 1, perClient: 1, waitingPerClient: 2 })
    const works = [1, 1, 1, 2].map((client) => work(limiter, client))
    await expectRejection(work(limiter, 1).done, 'RATE_LIMITED')
    for (const { end } of works) end()
    await Promise.all(works.map(({ done }) => done))
  })

  it('forgets who goes while waiting, and goes on after work that fails', async () => {
    const limiter = new ReadLimiter({ total: 1, perClient: 1 })
    const first = work(limiter, 1)
    const leaving = new AbortController()
    const second = work(limiter, 2, leaving.signal)
    const third = work(limiter, 3)
    leaving.abort(new Error('gone'))
    expect(await second.done.catch(({ message }) => message)).to.equal('gone')
    first.end()
    await turn()
    expect(third.isRunning).to.equal(true)
    third.end()
    await third.done
    const failing = limiter.run(1, never, () => Promise.reject(new Error('failed')))
    expect(await failing.catch(({ message }) => message)).to.equal('failed')
    expect(await limiter.run(1, never, async () => 'free')).to.equal('free')
    expect(await limiter.run(1, leaving.signal, async () => 'x').catch(({ message }) => message)).to.equal(
      'gone',
    )
  })
})
