import { expect } from 'chai'
import { readChainHeads } from '../../../indexer/chain/head-check.ts'
import { repairAuthor } from '../../../indexer/chain/repair.ts'
import { createRpcClient } from '../../../indexer/chain/rpc-client.ts'
import { ServedBy } from '../../../indexer/chain/served-by.ts'
import type { IndexerConfig } from '../../../indexer/config.ts'
import type { HeadRow, Store } from '../../../indexer/store/store.ts'
import { hexToBytes } from '../../../protocol/hex.ts'
import { eventually } from '../../support/eventually.ts'
import { describeFollowing } from '../../support/following.ts'
import { dumpOf } from '../../support/indexer.ts'

describeFollowing('repair', { finalityDepth: 5 }, (bed) => {
  beforeEach(() => bed.register())

  const start = (rpcUrls = [bed.relay.url], overrides: Partial<IndexerConfig> = {}) =>
    bed.start([bed.chainOf(...rpcUrls)], { webSocket: false, ...overrides })
  const isIncomplete = () => bed.view.completeness === 'incomplete'
  const isIn = (block: number) => (log: Record<string, string>) =>
    bed.isOfRegistry(log) && Number(log.blockNumber) === block

  it('reads only the stretch again that lacks something', async () => {
    for (let i = 0; i < 60; i++) {
      await bed.writer.record()
      if (i % 3 === 0) await bed.chain.request('anvil_mine', ['0x4'])
    }
    const block = await bed.headNumber()
    for (let i = 0; i < 60; i++) await bed.writer.record()
    bed.relay.faults.dropLog = isIn(block)
    await start()
    await eventually('the gap is noticed', isIncomplete)
    bed.relay.calls.length = 0
    bed.relay.faults.dropLog = undefined
    await bed.caughtUp()
    const asked = bed.relay.calls
      .filter(({ method }) => method === 'eth_getLogs')
      .map(({ params }) => params[0] as { fromBlock?: string; toBlock?: string; topics: unknown[] })
      .filter(({ topics, fromBlock }) => fromBlock !== undefined && topics.length === 3)
    const blocks = asked.reduce(
      (sum, { fromBlock, toBlock }) => sum + Number(toBlock) - Number(fromBlock) + 1,
      0,
    )
    expect(blocks).to.be.within(1, 40)
    await bed.expectReplayEqual()
  })

  it('goes to another endpoint than the one that left it out, and names that one', async () => {
    for (let i = 0; i < 4; i++) await bed.writer.recordBatch(3)
    await bed.chain.request('anvil_mine', ['0x80'])
    bed.relay.faults.dropLog = (log) => bed.isOfRegistry(log) && Number(log.logIndex) === 1
    await start([bed.relay.url, bed.chain.url])
    await bed.caughtUp()
    await bed.expectReplayEqual()
    const { chains } = await (await fetch(`${bed.indexer.url}/v1/status`)).json()
    const [lossy, other] = chains[0].endpoints
    expect(lossy.omissions.logs).to.equal(4)
    expect(lossy.omissions.last).to.have.all.keys('fromBlock', 'toBlock', 'logs')
    expect(other.omissions).to.equal(undefined)
    const metrics = await (await fetch(`${bed.indexer.url}/metrics`)).text()
    expect(metrics).to.match(/countersign_indexer_omitted_logs_total\{[^}]*endpoint="chain-31337#0"[^}]*\} 4/)
  })

  it('does not hold up the chain: new blocks are indexed while it waits for what is missing', async () => {
    await bed.writer.recordBatch(3)
    const block = await bed.headNumber()
    await bed.chain.request('anvil_mine', ['0x80'])
    bed.relay.faults.dropLog = isIn(block)
    await start([bed.relay.url], { requestTimeoutMs: 30_000 })
    await eventually('the gap is noticed', isIncomplete)
    // The repair's own questions, and only those, are not answered before they may be.
    const answering = Promise.withResolvers<void>()
    let held = 0
    bed.relay.faults.holdFor = (calls) => {
      const isOfRepair = calls.some(({ method, params }) => {
        const filter = params[0] as { topics?: unknown[]; fromBlock?: string }
        return method === 'eth_getLogs' && filter.fromBlock !== undefined && filter.topics?.length === 3
      })
      if (!isOfRepair) return undefined
      held++
      return answering.promise
    }
    try {
      await eventually('the repair waits', () => held > 0)
      for (let i = 0; i < 5; i++) {
        await bed.writer.record()
        const head = await bed.headNumber()
        await eventually('the new block is indexed', () => bed.view.checkpoint!.number >= head)
      }
      expect(isIncomplete()).to.equal(true)
    } finally {
      answering.resolve()
    }
    bed.relay.faults.holdFor = undefined
    bed.relay.faults.dropLog = undefined
    await eventually('it is repaired', () => !isIncomplete(), 15_000)
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  it('is dropped when the chain is reorganised below it, and made again', async () => {
    await bed.writer.recordBatch(3)
    await bed.chain.request('anvil_mine', ['0x40'])
    await start()
    await bed.caughtUp()
    bed.relay.faults.dropLog = bed.isOfRegistry
    await bed.writer.recordBatch(2)
    await bed.writer.recordBatch(2)
    await eventually('the gap is noticed', isIncomplete)
    for (let i = 0; i < 3; i++) {
      await bed.chain.request('anvil_reorg', [2, []])
      bed.writer.reset()
      await bed.writer.recordBatch(2)
    }
    bed.relay.faults.dropLog = undefined
    await eventually('it is repaired', () => !isIncomplete(), 15_000)
    await bed.caughtUp()
    await bed.expectReplayEqual()
  })

  for (const usesHistory of [true, false])
    it(`keeps no more in memory than it is allowed, ${usesHistory ? 'with' : 'without'} past states`, async () => {
      for (let i = 0; i < 30; i++) await bed.writer.recordBatch(10)
      await bed.writer.publish(await bed.writer.recordBatch(7))
      await bed.writer.anchor(`0x${'0a'.repeat(32)}`, 3n)
      for (let i = 0; i < 30; i++) await bed.writer.recordBatch(10)
      await bed.chain.request('anvil_mine', ['0x8'])
      // Never asked again: the repair below is made by hand.
      await start([bed.relay.url], { completenessCheckMs: 3_600_000, storageRootMaxRecords: 0 })
      await bed.caughtUp()
      const truth = await dumpOf(bed.indexer)
      const store = bed.indexer.store as Store
      const contract = bed.view.contracts.find(({ projection }) => projection.headOwner === 'author')!
      const { contractId } = contract.stored
      const author = bed.view.heads.find(contractId, bed.writer.author.slice(2).toLowerCase())!
      const toBlock = bed.view.checkpoint!.number
      const rpc = createRpcClient({ urls: [bed.chain.url], name: 'repair' })
      const [chainHead] = await readChainHeads(rpc, bed.view.checkpoint!.hash, [
        { contractAddress: hexToBytes(bed.contracts.QueryResultRegistry), author: author.author },
      ])
      const all = await store.listAuthorRecords(contractId, author.author, 0, toBlock)
      // A third of all logs goes, every third of the others is false.
      const positions = [...new Map(all.map((row) => [`${row.blockNumber}:${row.logIndex}`, row])).values()]
      await store.repair({
        chainId: bed.chain.chainId,
        contractId,
        author: author.author,
        fromBlock: Number.MAX_SAFE_INTEGER,
        surplus: positions.filter((_, i) => i % 3 === 0),
        blocks: [],
        rows: [],
        heads: [],
      })
      let newest: HeadRow | undefined
      let commits = 0
      const result = await repairAuthor(
        {
          author,
          contract,
          chainHead: chainHead!,
          toBlock,
          finalNumber: bed.view.checkpoint!.finalNumber,
          usesHistory,
          isFromStart: true,
        },
        {
          store,
          rpc,
          chainId: bed.chain.chainId,
          signal: new AbortController().signal,
          served: new ServedBy(),
          exclusively: (write) => write(),
          rolledBackTo: () => Number.POSITIVE_INFINITY,
          checkpoint: () => toBlock,
          onRows: async (tables) => {
            if (tables.length > 0) commits++
          },
          onHeads: (head) => {
            newest = head
          },
          maxValues: 500,
        },
      )
      await rpc.close()
      expect(result).to.include({ missing: Math.ceil(positions.length / 3), surplus: 0 })
      expect(commits).to.be.above(1)
      expect(newest).to.include({ entryCount: author.entryCount, blockNumber: author.blockNumber })
      expect(Buffer.from(newest!.head)).to.deep.equal(Buffer.from(author.head))
      expect(await dumpOf(bed.indexer)).to.deep.equal(truth)
    })

  it('checks thousands of authors without keeping anybody waiting', async () => {
    await start([bed.relay.url], { storageRootMaxRecords: 0, logLevel: 'silent' })
    await bed.caughtUp()
    const { contractId } = bed.view.contracts.find(
      ({ projection }) => projection.headOwner === 'author',
    )!.stored
    for (let i = 0; i < 5_000; i++)
      bed.view.heads.expect(contractId, hexToBytes(`0x${(i + 1).toString(16).padStart(40, '0')}`))
    // Of this thread's own time: what else the machine does meanwhile is not counted.
    const busyMs = () => {
      const { user, system } = process.threadCpuUsage()
      return (user + system) / 1000
    }
    let longest = 0
    let last = busyMs()
    const timer = setInterval(() => {
      const now = busyMs()
      longest = Math.max(longest, now - last)
      last = now
    }, 1)
    const calls = () => bed.relay.calls.filter(({ method }) => method === 'eth_call').length
    const before = calls()
    await eventually('all were asked for', () => calls() - before >= 5_000, 60_000)
    clearInterval(timer)
    await eventually('all are verified', () => bed.view.completeness === 'complete', 20_000)
    // The relay lives in this process too, and passes 5,000 calls on one by one.
    expect(longest).to.be.below(250)
  })
})
