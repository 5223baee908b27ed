import { expect } from 'chai'
import { readChainHeads } from '../../../indexer/chain/head-check.ts'
import { repairAuthor } from '../../../indexer/chain/repair.ts'
import { createRpcClient } from '../../../indexer/chain/rpc-client.ts'
import { ServedBy } from '../../../indexer/chain/served-by.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import type { HeadRow, Store } from '../../../indexer/store/store.ts'
import { hexToBytes } from '../../../protocol/hex.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll, registerProvider } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { caughtUp, dumpOf, replayDump, startTestIndexer, testChain } from '../../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'

const FINALITY_DEPTH = 5

describe('repair', () => {
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
    await registerProvider(
      chain.url,
      { directory: contracts.ParticipantDirectory, ...chain, registry: contracts.QueryResultRegistry },
      writer.author,
    )
    writer.reset()
  })

  afterEach(async () => {
    await indexer?.stop()
    indexer = undefined
    await relay.stop()
    writer.close()
    await chain.kill()
  })

  const start = async (rpcUrls = [relay.url], overrides = {}) => {
    const one = { ...testChain(chain, contracts, { finalityDepth: FINALITY_DEPTH }), rpcUrls }
    indexer = await startTestIndexer([one], { webSocket: false, ...overrides })
    return indexer
  }
  const view = () => indexer!.views.get(chain.chainId)!
  const isIncomplete = () => view().completeness === 'incomplete'
  const isOfRegistry = (log: Record<string, string>) =>
    log.address!.toLowerCase() === contracts.QueryResultRegistry.toLowerCase()
  const isIn = (block: number) => (log: Record<string, string>) =>
    isOfRegistry(log) && Number(log.blockNumber) === block
  const headNumber = async () => Number(await chain.request<string>('eth_blockNumber'))
  const expectReplayEqual = async () =>
    expect(await dumpOf(indexer!)).to.deep.equal(
      await replayDump([{ chain, contracts, finalityDepth: FINALITY_DEPTH }]),
    )

  it('reads only the stretch again that lacks something', async () => {
    for (let i = 0; i < 60; i++) {
      await writer.record()
      if (i % 3 === 0) await chain.request('anvil_mine', ['0x4'])
    }
    const block = await headNumber()
    for (let i = 0; i < 60; i++) await writer.record()
    relay.faults.dropLog = isIn(block)
    await start()
    await eventually('the gap is noticed', isIncomplete)
    relay.calls.length = 0
    relay.faults.dropLog = undefined
    await caughtUp(indexer!, chain)
    const asked = relay.calls
      .filter(({ method }) => method === 'eth_getLogs')
      .map(({ params }) => params[0] as { fromBlock?: string; toBlock?: string; topics: unknown[] })
      .filter(({ topics, fromBlock }) => fromBlock !== undefined && topics.length === 3)
    const blocks = asked.reduce(
      (sum, { fromBlock, toBlock }) => sum + Number(toBlock) - Number(fromBlock) + 1,
      0,
    )
    expect(blocks).to.be.within(1, 40)
    await expectReplayEqual()
  })

  it('goes to another endpoint than the one that left it out, and names that one', async () => {
    for (let i = 0; i < 4; i++) await writer.recordBatch(3)
    await chain.request('anvil_mine', ['0x80'])
    relay.faults.dropLog = (log) => isOfRegistry(log) && Number(log.logIndex) === 1
    await start([relay.url, chain.url])
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
    const { chains } = await (await fetch(`${indexer!.url}/v1/status`)).json()
    const [lossy, other] = chains[0].endpoints
    expect(lossy.omissions.logs).to.equal(4)
    expect(lossy.omissions.last).to.have.all.keys('fromBlock', 'toBlock', 'logs')
    expect(other.omissions).to.equal(undefined)
    const metrics = await (await fetch(`${indexer!.url}/metrics`)).text()
    expect(metrics).to.match(/countersign_indexer_omitted_logs_total\{[^}]*endpoint="chain-31337#0"[^}]*\} 4/)
  })

  it('does not hold up the chain: new blocks are indexed while it waits for what is missing', async () => {
    await writer.recordBatch(3)
    const block = await headNumber()
    await chain.request('anvil_mine', ['0x80'])
    relay.faults.dropLog = isIn(block)
    await start()
    await eventually('the gap is noticed', isIncomplete)
    // The repair's own questions, and only those, are answered late.
    relay.faults.delayFor = (calls) =>
      calls.some(({ method, params }) => {
        const filter = params[0] as { topics?: unknown[]; fromBlock?: string }
        return method === 'eth_getLogs' && filter.fromBlock !== undefined && filter.topics?.length === 3
      })
        ? 1_500
        : 0
    for (let i = 0; i < 5; i++) {
      const from = performance.now()
      await writer.record()
      const head = await headNumber()
      await eventually('the new block is indexed', () => view().checkpoint!.number >= head)
      expect(performance.now() - from).to.be.below(1_000)
    }
    expect(isIncomplete()).to.equal(true)
    relay.faults.delayFor = undefined
    relay.faults.dropLog = undefined
    await eventually('it is repaired', () => !isIncomplete(), 15_000)
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
  })

  it('is dropped when the chain is reorganised below it, and made again', async () => {
    await writer.recordBatch(3)
    await chain.request('anvil_mine', ['0x40'])
    await start()
    await caughtUp(indexer!, chain)
    relay.faults.dropLog = isOfRegistry
    await writer.recordBatch(2)
    await writer.recordBatch(2)
    await eventually('the gap is noticed', isIncomplete)
    for (let i = 0; i < 3; i++) {
      await chain.request('anvil_reorg', [2, []])
      writer.reset()
      await writer.recordBatch(2)
    }
    relay.faults.dropLog = undefined
    await eventually('it is repaired', () => !isIncomplete(), 15_000)
    await caughtUp(indexer!, chain)
    await expectReplayEqual()
  })

  for (const usesHistory of [true, false])
    it(`keeps no more in memory than it is allowed, ${usesHistory ? 'with' : 'without'} past states`, async () => {
      for (let i = 0; i < 30; i++) await writer.recordBatch(10)
      await writer.publish(await writer.recordBatch(7))
      await writer.anchor(`0x${'0a'.repeat(32)}`, 3n)
      for (let i = 0; i < 30; i++) await writer.recordBatch(10)
      await chain.request('anvil_mine', ['0x8'])
      // Never asked again: the repair below is made by hand.
      await start([relay.url], { completenessCheckMs: 3_600_000, storageRootMaxRecords: 0 })
      await caughtUp(indexer!, chain)
      const truth = await dumpOf(indexer!)
      const store = indexer!.store as Store
      const contract = view().contracts.find(({ projection }) => projection.headOwner === 'author')!
      const { contractId } = contract.stored
      const author = view().heads.find(contractId, writer.author.slice(2).toLowerCase())!
      const toBlock = view().checkpoint!.number
      const rpc = createRpcClient({ urls: [chain.url], name: 'repair' })
      const [chainHead] = await readChainHeads(rpc, view().checkpoint!.hash, [
        { contractAddress: hexToBytes(contracts.QueryResultRegistry), author: author.author },
      ])
      const all = await store.listAuthorRecords(contractId, author.author, 0, toBlock)
      // A third of all logs goes, every third of the others is false.
      const positions = [...new Map(all.map((row) => [`${row.blockNumber}:${row.logIndex}`, row])).values()]
      await store.repair({
        chainId: chain.chainId,
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
          finalNumber: view().checkpoint!.finalNumber,
          usesHistory,
          isFromStart: true,
        },
        {
          store,
          rpc,
          chainId: chain.chainId,
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
      expect(await dumpOf(indexer!)).to.deep.equal(truth)
    })

  it('checks thousands of authors without keeping anybody waiting', async () => {
    await start([relay.url], { storageRootMaxRecords: 0, logLevel: 'silent' })
    await caughtUp(indexer!, chain)
    const { contractId } = view().contracts.find(
      ({ projection }) => projection.headOwner === 'author',
    )!.stored
    for (let i = 0; i < 5_000; i++)
      view().heads.expect(contractId, hexToBytes(`0x${(i + 1).toString(16).padStart(40, '0')}`))
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    const calls = () => relay.calls.filter(({ method }) => method === 'eth_call').length
    const before = calls()
    await eventually('all were asked for', () => calls() - before >= 5_000, 60_000)
    clearInterval(timer)
    await eventually('all are verified', () => view().completeness === 'complete', 20_000)
    // The relay lives in this process too, and passes 5,000 calls on one by one.
    expect(longest).to.be.below(250)
  })
})
