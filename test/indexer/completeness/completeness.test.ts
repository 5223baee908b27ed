import { expect } from 'chai'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { newSerial, serialToKey } from '../../../protocol/serial.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll, registerProvider } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import {
  caughtUp,
  databasePath,
  dumpOf,
  replayDump,
  startTestIndexer,
  testChain,
} from '../../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'

const FINALITY_DEPTH = 5

describe('completeness', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter
  let relay: RpcRelay
  let indexer: RunningIndexer | undefined

  beforeEach(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    relay = await startRpcRelay(chain.url)
  })

  afterEach(async () => {
    await indexer?.stop()
    indexer = undefined
    await relay.stop()
    writer.close()
    await chain.kill()
  })

  const start = async (database = databasePath()): Promise<RunningIndexer> => {
    const relayed = testChain(chain, contracts, { rpcUrl: relay.url, finalityDepth: FINALITY_DEPTH })
    indexer = await startTestIndexer([relayed], { database })
    return indexer
  }
  const isIncomplete = () => indexer!.views.get(chain.chainId)!.completeness === 'incomplete'
  const answer = async (path: string) => (await fetch(indexer!.url + path)).json()
  const expectReplayEqual = async () =>
    expect(await dumpOf(indexer!)).to.deep.equal(
      await replayDump([{ chain, contracts, finalityDepth: FINALITY_DEPTH }]),
    )
  const registryLog = (log: Record<string, string>) =>
    log.address!.toLowerCase() === contracts.QueryResultRegistry.toLowerCase()

  /** Leaves out one log of every `n` of the registry, always the same ones. */
  const dropEvery = (n: number) => (log: Record<string, string>) =>
    registryLog(log) && (Number(log.blockNumber) * 31 + Number(log.logIndex)) % n === 0

  for (const [share, n] of [
    ['all', 1],
    ['some', 3],
  ] as const)
    it(`notices ${share} logs left out of a backfill, says so, and repairs once they are served`, async () => {
      for (let i = 0; i < 6; i++) await writer.recordBatch(5)
      await writer.publish(await writer.recordBatch(2))
      await chain.request('anvil_mine', ['0x80'])
      await registerProvider(
        chain.url,
        { directory: contracts.ParticipantDirectory, ...chain, registry: contracts.QueryResultRegistry },
        writer.author,
      )
      writer.reset()
      relay.faults.dropLog = dropEvery(n)
      await start()
      await eventually('the gap is noticed', isIncomplete)
      const { books } = await answer(`/v1/authors/${writer.author}/completeness`)
      expect(books[0].completeness).to.equal('incomplete')
      expect(books[0].chainHead).to.not.equal(books[0].head)
      const absent = await answer(`/v1/results/${newSerial()}/${writer.author}`)
      expect(absent.heads[0].completeness).to.equal('incomplete')
      const audit = await fetch(`${indexer!.url}/v1/audits`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          serial: newSerial(),
          provider: writer.author,
          digest: `0x${'11'.repeat(32)}`,
        }),
      })
      expect(await audit.json()).to.include({ verdict: 'unconfirmed', rule: 'index-not-complete' })
      relay.faults.dropLog = undefined
      await caughtUp(indexer!, chain)
      await expectReplayEqual()
    })

  it('notices logs left out at the head, and repairs', async () => {
    await writer.recordBatch(3)
    await start()
    await caughtUp(indexer!, chain)
    relay.faults.dropLog = registryLog
    await writer.recordBatch(3)
    await eventually('the gap is noticed', isIncomplete)
    relay.faults.dropLog = undefined
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
  })

  it('notices one log altered on the way, and keeps the false row as an orphan', async () => {
    const results = await writer.recordBatch(3)
    await chain.request('anvil_mine', ['0x80'])
    const lie = `0x${'66'.repeat(32)}`
    relay.faults.alter = ({ method }, logs) =>
      method === 'eth_getLogs' && Array.isArray(logs)
        ? logs.map((log) => (log.topics[1] === results[1]!.key ? { ...log, data: lie } : log))
        : logs
    await start()
    await eventually('the lie is noticed', isIncomplete)
    relay.faults.alter = undefined
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
    const orphans = await indexer!.store.findOrphanedRecords(Buffer.from(results[1]!.key.slice(2), 'hex'))
    expect(orphans.map(({ digest }) => digest)).to.deep.equal([lie])
  })

  it('refuses published entries that do not have their root', async () => {
    await writer.publish([{ key: serialToKey(newSerial()), digest: `0x${'11'.repeat(32)}` }])
    relay.faults.alter = ({ method }, logs) =>
      method === 'eth_getLogs' && Array.isArray(logs)
        ? logs.map((log) => ({ ...log, data: log.data.replaceAll('11'.repeat(32), '22'.repeat(32)) }))
        : logs
    await start()
    const view = indexer!.views.get(chain.chainId)!
    await eventually('the endpoint is refused', () => view.lastError?.includes('root') === true)
    relay.faults.alter = undefined
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
  })

  it('stays incomplete over a restart, until repaired', async () => {
    await writer.recordBatch(4)
    await chain.request('anvil_mine', ['0x80'])
    relay.faults.dropLog = dropEvery(2)
    const database = databasePath()
    await start(database)
    await eventually('the gap is noticed', isIncomplete)
    await indexer!.stop()
    await start(database)
    await eventually('the gap is known', isIncomplete)
    await writer.recordBatch(2)
    relay.faults.dropLog = undefined
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
  })

  it('says nothing is complete after a restart before the heads were compared again', async () => {
    await writer.recordBatch(4)
    await chain.request('anvil_mine', ['0x2'])
    const database = databasePath()
    await start(database)
    await caughtUp(indexer!, chain)
    await indexer!.stop()
    let isHeld = true
    relay.faults.alter = ({ method }, result) => (isHeld && method === 'eth_call' ? null : result)
    await start(database)
    const view = () => indexer!.views.get(chain.chainId)!
    await eventually('it is at the head', () => view().state === 'following')
    expect(view().completeness).to.equal('unverified')
    const { books } = await answer(`/v1/authors/${writer.author}/completeness`)
    expect(books[0].completeness).to.equal('unverified')
    isHeld = false
    await caughtUp(indexer!, chain)
  })

  it('repairs from another endpoint', async () => {
    await writer.recordBatch(4)
    await chain.request('anvil_mine', ['0x80'])
    relay.faults.dropLog = dropEvery(2)
    const two = {
      ...testChain(chain, contracts, { finalityDepth: FINALITY_DEPTH }),
      rpcUrls: [relay.url, chain.url],
    }
    indexer = await startTestIndexer([two])
    await caughtUp(indexer, chain)
    await expectReplayEqual()
    expect(indexer.views.get(chain.chainId)!.endpoints()[0]).to.include({ healthy: false, distrusts: 1 })
  })

  it('asks again for logs that a bloom announces before it believes there are none', async () => {
    await start()
    await caughtUp(indexer!, chain)
    let dropped = false
    relay.faults.dropLog = (log) => {
      if (dropped || !registryLog(log)) return false
      dropped = true
      return true
    }
    await writer.record()
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
    const metrics = await (await fetch(`${indexer!.url}/metrics`)).text()
    expect(metrics).to.match(/countersign_indexer_late_logs_total\{[^}]*\} 1/)
    expect(metrics).to.not.match(/countersign_indexer_gaps_total\{[^}]*\} [1-9]/)
  })
})
