import { expect } from 'chai'
import { nextAttemptAt, RETRY_PAUSES_MS } from '../../../http/webhooks/retry-schedule.ts'
import { PendingDeliveries } from '../../../indexer/webhooks/pending-deliveries.ts'

const delivery = (eventId: string, nextAttemptAt = 0) => ({ eventId, body: '{}', attempts: 0, nextAttemptAt })
const ids = (pending: PendingDeliveries, now = 0): string[] => {
  const taken: string[] = []
  for (let next = pending.take(now); next !== undefined; next = pending.take(now)) taken.push(next.eventId)
  return taken
}

describe('PendingDeliveries', () => {
  it('hands out in the order of the events', () => {
    const pending = new PendingDeliveries()
    for (const id of ['record-1-aa-0-0-added-5', 'record-1-bb-0-0-added-6', 'root-1-bb-0-0-added-6'])
      pending.add(delivery(id))
    expect(ids(pending)).to.deep.equal([
      'record-1-aa-0-0-added-5',
      'record-1-bb-0-0-added-6',
      'root-1-bb-0-0-added-6',
    ])
    expect(pending.nextAt()).to.equal(undefined)
  })

  it('lets no event overtake an earlier one with the same subject', () => {
    const pending = new PendingDeliveries()
    const [added, retracted, again, final] = ['added-5', 'retracted-6', 'added-7', 'final'].map(
      (o) => `record-1-aa-0-0-${o}`,
    )
    for (const id of [added!, retracted!, again!, final!, 'record-1-cc-0-0-added-7'])
      pending.add(delivery(id))
    expect(ids(pending)).to.deep.equal([added, 'record-1-cc-0-0-added-7'])
    pending.retry(added!, 1, 1_000)
    expect(ids(pending, 999), 'what follows waits for the retry').to.deep.equal([])
    expect(pending.nextAt()).to.equal(1_000)
    expect(ids(pending, 1_000)).to.deep.equal([added])
    pending.remove(added!)
    expect(ids(pending, 1_000)).to.deep.equal([retracted])
    pending.remove(retracted!)
    expect(ids(pending, 1_000)).to.deep.equal([again])
    pending.remove(again!)
    expect(ids(pending, 1_000)).to.deep.equal([final])
    expect(pending.size).to.equal(2)
  })

  it('keeps one that is there already', () => {
    const pending = new PendingDeliveries()
    pending.add(delivery('record-1-aa-0-0-added-5'))
    expect(pending.take(0)?.eventId).to.equal('record-1-aa-0-0-added-5')
    pending.add(delivery('record-1-aa-0-0-added-5'))
    expect(pending.take(0)).to.equal(undefined)
    expect(pending.size).to.equal(1)
  })
})

describe('nextAttemptAt', () => {
  it('keeps to the schedule of the specification, spread by a fifth', () => {
    const total = RETRY_PAUSES_MS.reduce((sum, pause) => sum + pause, 0)
    expect(total / 3_600_000).to.be.within(75, 77)
    RETRY_PAUSES_MS.forEach((pause, i) => {
      expect(nextAttemptAt(i + 1, 1_000, RETRY_PAUSES_MS, () => 0)).to.equal(1_000 + pause)
      expect(nextAttemptAt(i + 1, 1_000, RETRY_PAUSES_MS, () => 1)).to.equal(1_000 + pause * 1.2)
    })
  })

  it('gives up after the last pause', () => {
    expect(nextAttemptAt(RETRY_PAUSES_MS.length + 1, 0)).to.equal(undefined)
  })
})
