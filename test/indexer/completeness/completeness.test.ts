import { expect } from 'chai'
import type { IndexerConfig } from '../../../indexer/config.ts'
import { newSerial, serialToKey } from '../../../protocol/serial.ts'
import { eventually } from '../../support/eventually.ts'
import { describeFollowing } from '../../support/following.ts'
import { databasePath } from '../../support/indexer.ts'

describeFollowing('completeness', { finalityDepth: 5 }, (bed) => {
  const start = (overrides?: Partial<IndexerConfig>) => bed.start([bed.chainOf(bed.relay.url)], overrides)
  const isIncomplete = () => bed.view.completeness === 'incomplete'
  const answer = async (path: string) => (await fetch(bed.indexer.url + path)).json()

  /** Leaves out one log of every `n` of the registry, always the same ones. */
  const dropEvery = (n: number) => (log: Record<string, string>) =>
    bed.isOfRegistry(log) && (Number(log.blockNumber) * 31 + Number(log.logIndex)) % n === 0

  for (const [share, n] of [
    ['all', 1],
    ['some', 3],
  ] as const)
    it(`notices ${share} logs left out of a backfill, says so, and repairs once they are served`, async () => {
      for (let i = 0; i < 6; i++) await bed.writer.recordBatch(5)
      await bed.writer.publish(await bed.writer.recordBatch(2))
      await bed.chain.request('anvil_mine', ['0x80'])
      await bed.register()
      bed.relay.faults.dropLog = dropEvery(n)
      await start()
      await eventually('the gap is noticed', isIncomplete)
      const { books } = await answer(`/v1/authors/${bed.writer.author}/completeness`)
      expect(books[0].completeness).to.equal('incomplete')
      expect(books[0].chainHead).to.not.equal(books[0].head)
      const absent = await answer(`/v1/results/${newSerial()}/${bed.writer.author}`)
      expect(absent.heads[0].completeness).to.equal('incomplete')
      const audit = await fetch(`${bed.indexer.url}/v1/audits`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          serial: newSerial(),
          provider: bed.writer.author,
          digest: `0x${'11'.repeat(32)}`,
        }),
      })
      expect(await audit.json()).to.include({ verdict: 'unconfirmed', rule: 'index-not-complete' })
      bed.relay.faults.dropLog = undefined
      await bed.caughtUp()
      await bed.expectReplayEqual()
    })

  it('notices logs left out at the head, and repairs', async () => {
    await bed.writer.recordBatch(3)
    await start()
    await bed.caughtUp()
    bed.relay.faults.dropLog = bed.isOfRegistry
    await bed.writer.recordBatch(3)
    await eventually('the gap is noticed', isIncomplete)
    bed.relay.faults.dropLog = undefined
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  it('notices one log altered on the way, and keeps the false row as an orphan', async () => {
    const results = await bed.writer.recordBatch(3)
    await bed.chain.request('anvil_mine', ['0x80'])
    const lie = `0x${'66'.repeat(32)}`
    bed.relay.faults.alter = ({ method }, logs) =>
      method === 'eth_getLogs' && Array.isArray(logs)
        ? logs.map((log) => (log.topics[1] === results[1]!.key ? { ...log, data: lie } : log))
        : logs
    await start()
    await eventually('the lie is noticed', isIncomplete)
    bed.relay.faults.alter = undefined
    await bed.caughtUp()
    await bed.expectReplayEqual()
    const orphans = await bed.indexer.store.findOrphanedRecords(Buffer.from(results[1]!.key.slice(2), 'hex'))
    expect(orphans.map(({ digest }) => digest)).to.deep.equal([lie])
  })

  it('refuses published entries that do not have their root', async () => {
    await bed.writer.publish([{ key: serialToKey(newSerial()), digest: `0x${'11'.repeat(32)}` }])
    bed.relay.faults.alter = ({ method }, logs) =>
      method === 'eth_getLogs' && Array.isArray(logs)
        ? logs.map((log) => ({ ...log, data: log.data.replaceAll('11'.repeat(32), '22'.repeat(32)) }))
        : logs
    await start()
    const view = bed.view
    await eventually('the endpoint is refused', () => view.lastError?.includes('root') === true)
    bed.relay.faults.alter = undefined
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  it('stays incomplete over a restart, until repaired', async () => {
    await bed.writer.recordBatch(4)
    await bed.chain.request('anvil_mine', ['0x80'])
    bed.relay.faults.dropLog = dropEvery(2)
    const database = databasePath()
    await start({ database })
    await eventually('the gap is noticed', isIncomplete)
    await bed.indexer.stop()
    await start({ database })
    await eventually('the gap is known', isIncomplete)
    await bed.writer.recordBatch(2)
    bed.relay.faults.dropLog = undefined
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  it('says nothing is complete after a restart before the heads were compared again', async () => {
    await bed.writer.recordBatch(4)
    await bed.chain.request('anvil_mine', ['0x2'])
    const database = databasePath()
    await start({ database })
    await bed.caughtUp()
    await bed.indexer.stop()
    let isHeld = true
    bed.relay.faults.alter = ({ method }, result) => (isHeld && method === 'eth_call' ? null : result)
    await start({ database })
    await eventually('it is at the head', () => bed.view.state === 'following')
    expect(bed.view.completeness).to.equal('unverified')
    const { books } = await answer(`/v1/authors/${bed.writer.author}/completeness`)
    expect(books[0].completeness).to.equal('unverified')
    isHeld = false
    await bed.caughtUp()
  })

  it('repairs from another endpoint', async () => {
    await bed.writer.recordBatch(4)
    await bed.chain.request('anvil_mine', ['0x80'])
    bed.relay.faults.dropLog = dropEvery(2)
    await bed.start([bed.chainOf(bed.relay.url, bed.chain.url)])
    await bed.caughtUp()
    await bed.expectReplayEqual()
    expect(bed.view.endpoints()[0]).to.include({ healthy: false, distrusts: 1 })
  })

  it('asks again for logs that a bloom announces before it believes there are none', async () => {
    await start()
    await bed.caughtUp()
    let dropped = false
    bed.relay.faults.dropLog = (log) => {
      if (dropped || !bed.isOfRegistry(log)) return false
      dropped = true
      return true
    }
    await bed.writer.record()
    await bed.caughtUp()
    await bed.expectReplayEqual()
    const metrics = await (await fetch(`${bed.indexer.url}/metrics`)).text()
    expect(metrics).to.match(/countersign_indexer_late_logs_total\{[^}]*\} 1/)
    expect(metrics).to.not.match(/countersign_indexer_gaps_total\{[^}]*\} [1-9]/)
  })
})
