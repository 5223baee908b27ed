import { expect } from 'chai'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { type ChainSync, createChainSync } from '../../../indexer/chain/chain-sync.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { createMetrics } from '../../../indexer/metrics.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import {
  addressBookOf,
  caughtUp,
  databasePath,
  dumpOf,
  replayDump,
  startTestIndexer,
  testChain,
} from '../../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { type RelayedCall, type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'

const DEPTH = 20
/** Longer than any test: what happens sooner was not found by polling. */
const NEVER_MS = 60_000

describe('following a chain', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter
  const started: { stop(): Promise<void> }[] = []
  const keep = <Part extends { stop(): Promise<void> }>(part: Part): Part => {
    started.push(part)
    return part
  }
  const start = async (...args: Parameters<typeof startTestIndexer>): Promise<RunningIndexer> =>
    keep(await startTestIndexer(...args))
  const chainOf = (...rpcUrls: string[]) => ({
    ...testChain(chain, contracts, { finalityDepth: DEPTH }),
    ...(rpcUrls.length === 0 ? {} : { rpcUrls }),
  })
  const viewOf = (indexer: RunningIndexer) => indexer.views.get(chain.chainId)!
  const headNumber = async () => Number(await chain.request<string>('eth_blockNumber'))
  const expectReplayEqual = async (indexer: RunningIndexer) =>
    expect(await dumpOf(indexer)).to.deep.equal(
      await replayDump([{ chain, contracts, finalityDepth: DEPTH }]),
    )

  beforeEach(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
  })
  afterEach(async () => {
    await Promise.all(started.splice(0).map((part) => part.stop()))
    writer.close()
    await chain.kill()
  })

  describe('over WebSocket', () => {
    const onSocket = async (indexer: RunningIndexer) => {
      await caughtUp(indexer, chain)
      await eventually('the socket is up', () => viewOf(indexer).wakeUp?.() === 'websocket')
    }

    it('asks once for a block that was announced', async () => {
      const relay = keep(await startRpcRelay(chain.url))
      const socketUrl = chain.url.replace('http', 'ws')
      const indexer = await start([{ ...chainOf(relay.url), webSocketUrls: [socketUrl] }], {
        pollMs: NEVER_MS,
        completenessCheckMs: NEVER_MS,
      })
      await onSocket(indexer)
      relay.calls.length = 0
      await writer.record()
      await caughtUp(indexer, chain)
      const methods = relay.calls.map(({ method }) => method)
      expect(methods.slice(0, 2)).to.deep.equal(['eth_getBlockByHash', 'eth_getLogs'])
      expect(methods).to.not.include('eth_getBlockByNumber')
    })

    it('misses nothing of blocks that come faster than they are taken in', async () => {
      const indexer = await start([chainOf()], { pollMs: NEVER_MS })
      await onSocket(indexer)
      for (let i = 0; i < 3; i++) {
        await writer.recordBatch(2)
        await chain.request('anvil_mine', ['0x50'])
      }
      await writer.record()
      await caughtUp(indexer, chain)
      await expectReplayEqual(indexer)
    })

    it('puts a reorganisation right when its first block is announced', async () => {
      const indexer = await start([chainOf()], { pollMs: NEVER_MS })
      await onSocket(indexer)
      for (let i = 0; i < 5; i++) await writer.record()
      await caughtUp(indexer, chain)
      const times: number[] = []
      for (let depth = 1; depth <= 4; depth++) {
        const number = await headNumber()
        await chain.request('anvil_reorg', [depth, []])
        const from = performance.now()
        const head = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
        await eventually('the new branch is indexed', () => {
          const { hash } = viewOf(indexer).checkpoint!
          return `0x${Buffer.from(hash).toString('hex')}` === head.hash
        })
        times.push(performance.now() - from)
        expect(await headNumber(), 'at the same height').to.equal(number)
      }
      // 50 ms each on a machine with nothing else to do; what is waited for here is nothing like a poll.
      expect(Math.min(...times)).to.be.below(300)
      expect(viewOf(indexer).reorganisations).to.be.at.least(4)
      await expectReplayEqual(indexer)
    })

    it('is left alone where the configuration says so', async () => {
      const indexer = await start([chainOf()], { webSocket: false })
      await writer.record()
      await caughtUp(indexer, chain)
      expect(viewOf(indexer).wakeUp?.()).to.equal('polling')
    })
  })

  describe('by polling', () => {
    it('puts a shorter branch right at the next look', async () => {
      const pollMs = 300
      const indexer = await start([chainOf()], { pollMs, webSocket: false })
      const base = await chain.request('evm_snapshot')
      for (let i = 0; i < 5; i++) await writer.record()
      await caughtUp(indexer, chain)
      await chain.request('evm_revert', [base])
      writer.reset()
      await writer.record()
      const from = performance.now()
      await eventually('it is rolled back', () => viewOf(indexer).reorganisations === 1)
      expect(performance.now() - from).to.be.below(1.5 * pollMs + 300)
      await caughtUp(indexer, chain)
      await expectReplayEqual(indexer)
    })

    it('reads again when a block vanishes between its header and its logs', async () => {
      const relay = keep(await startRpcRelay(chain.url))
      const indexer = await start([chainOf(relay.url)], { webSocket: false })
      await writer.record()
      await caughtUp(indexer, chain)
      let vanished = 0
      relay.faults.refuse = ({ method }) =>
        method === 'eth_getLogs' && vanished++ < 3 ? { code: -32000, message: 'unknown block' } : undefined
      const states = new Set<string>()
      await writer.record()
      await eventually('it is indexed', async () => {
        states.add(viewOf(indexer).state)
        return viewOf(indexer).checkpoint!.number === (await headNumber())
      })
      expect(vanished).to.be.at.least(3)
      expect([...states]).to.not.include('unreachable')
      await caughtUp(indexer, chain)
      await expectReplayEqual(indexer)
    })
  })

  describe('through an endpoint whose head is old', () => {
    const answerFrom = (relay: RpcRelay, number: string) => {
      relay.faults.alter = ({ method, params }: RelayedCall, result) => {
        const isAbove = (block: unknown) =>
          Number((block as { number: string } | null)?.number) > Number(number)
        if (method === 'eth_getBlockByNumber' && params[0] === 'latest') return old
        return method.startsWith('eth_getBlockBy') && isAbove(result) ? null : result
      }
    }
    let old: unknown

    it('does not take it for a reorganisation, and says what is the matter', async () => {
      const relay = keep(await startRpcRelay(chain.url))
      const indexer = await start([chainOf(relay.url)], { webSocket: false })
      await writer.record()
      // Blocks are a minute apart here: a head that stands still for seconds is nothing unusual.
      await chain.request('anvil_setBlockTimestampInterval', [60])
      old = await chain.request('eth_getBlockByNumber', ['latest', false])
      for (let i = 0; i < 3; i++) await writer.record()
      await caughtUp(indexer, chain)
      answerFrom(relay, (old as { number: string }).number)
      await eventually('it shows', () => viewOf(indexer).lastError?.includes('its head is block') === true)
      expect(viewOf(indexer).lastError).to.contain(`chain-${chain.chainId}#0`)
      relay.faults.alter = undefined
      await writer.record()
      await caughtUp(indexer, chain)
      expect(viewOf(indexer).lastError).to.equal(undefined)
      expect(viewOf(indexer).reorganisations).to.equal(0)
      await expectReplayEqual(indexer)
    })

    it('goes on with another endpoint', async () => {
      const relay = keep(await startRpcRelay(chain.url))
      const indexer = await start([chainOf(relay.url, chain.url)], { webSocket: false })
      await writer.record()
      await caughtUp(indexer, chain)
      old = await chain.request('eth_getBlockByNumber', ['latest', false])
      await writer.record()
      await caughtUp(indexer, chain)
      answerFrom(relay, (old as { number: string }).number)
      for (let i = 0; i < 3; i++) await writer.record()
      await caughtUp(indexer, chain)
      expect(viewOf(indexer).reorganisations).to.equal(0)
      await expectReplayEqual(indexer)
    })

    it('sets it aside when another one has been ahead for seconds', async function () {
      this.timeout(20_000)
      const relay = keep(await startRpcRelay(chain.url))
      const indexer = await start([chainOf(relay.url, chain.url)], { webSocket: false })
      await writer.record()
      await caughtUp(indexer, chain)
      old = await chain.request('eth_getBlockByNumber', ['latest', false])
      answerFrom(relay, (old as { number: string }).number)
      for (let i = 0; i < 3; i++) await writer.record()
      const first = () => viewOf(indexer).endpoints()[0]!
      await eventually('it is set aside', () => first().aside === 'behind', 15_000)
      await caughtUp(indexer, chain)
      await expectReplayEqual(indexer)
    })
  })

  describe('through an endpoint of another chain', () => {
    it('names it and goes on with the right one', async () => {
      const relay = keep(await startRpcRelay(chain.url))
      const other = await startAnvil({ flags: ['--timestamp', '1700000000'] })
      try {
        const indexer = await start([chainOf(relay.url, chain.url)], { webSocket: false })
        await writer.record()
        await caughtUp(indexer, chain)
        relay.retarget(other.url)
        await writer.record()
        await caughtUp(indexer, chain)
        await eventually('it is named', () => viewOf(indexer).endpoints()[0]!.aside === 'other-chain')
        expect(viewOf(indexer).alarm).to.equal(undefined)
        await expectReplayEqual(indexer)
      } finally {
        await other.kill()
      }
    })
  })

  describe('when the node began anew', () => {
    const TIMESTAMP = String(Math.floor(Date.now() / 1000) - 1_000)

    it('says so, offers to begin anew, and goes on if the blocks come back after all', async () => {
      const fixed = await startAnvil({ flags: ['--timestamp', TIMESTAMP] })
      const empty = await startAnvil({ flags: ['--timestamp', TIMESTAMP] })
      const fixedContracts = await deployAll(fixed.url)
      const relay = keep(await startRpcRelay(fixed.url))
      try {
        await fixed.request('anvil_mine', ['0x40'])
        const indexer = await start(
          [testChain(fixed, fixedContracts, { finalityDepth: 5, rpcUrl: relay.url })],
          { webSocket: false },
        )
        await caughtUp(indexer, fixed)
        const [genesis, emptyGenesis] = await Promise.all(
          [fixed, empty].map((node) =>
            node.request<{ hash: string }>('eth_getBlockByNumber', ['0x0', false]),
          ),
        )
        expect(emptyGenesis!.hash, 'both have one genesis block').to.equal(genesis!.hash)
        relay.retarget(empty.url)
        const view = viewOf(indexer)
        await eventually('the alarm is raised', () => view.alarm !== undefined)
        expect(view.alarm).to.include({ code: 'CHAIN_RESTARTED_EMPTY' })
        expect(view.alarm!.action).to.contain('--reset')
        expect(view.state).to.equal('stopped')
        expect(view.reorganisations).to.equal(0)
        relay.retarget(fixed.url)
        await caughtUp(indexer, fixed)
        expect(view.alarm).to.equal(undefined)
      } finally {
        await Promise.all([fixed.kill(), empty.kill()])
      }
    })
  })

  describe('by the finalized tag', () => {
    it('takes nothing for final that the chain does not', async () => {
      const indexer = await start([{ ...chainOf(), finalityDepth: 1, finalizedTag: true }])
      await chain.request('anvil_mine', ['0x80'])
      await writer.record()
      await caughtUp(indexer, chain)
      const { number } = await chain.request<{ number: string }>('eth_getBlockByNumber', ['finalized', false])
      expect(Number(number)).to.be.below((await headNumber()) - 1)
      expect(viewOf(indexer).checkpoint!.finalNumber).to.equal(Number(number))
    })

    const tags: Record<string, (latest: unknown) => unknown> = {
      'is the head': (latest) => latest,
      'is missing': () => null,
    }
    for (const [what, finalized] of Object.entries(tags))
      it(`goes by the depth where the tag ${what}`, async () => {
        const relay = keep(await startRpcRelay(chain.url))
        let latest: unknown
        relay.faults.alter = ({ params }, result) => {
          if (params[0] === 'latest') latest = result
          return params[0] === 'finalized' ? finalized(latest) : result
        }
        await chain.request('anvil_mine', ['0x80'])
        const byTag = { ...chainOf(relay.url), finalityDepth: 3, finalizedTag: true as const }
        const indexer = await start([byTag], { webSocket: false })
        await caughtUp(indexer, chain)
        expect(viewOf(indexer).checkpoint!.finalNumber).to.equal((await headNumber()) - 3)
      })
  })

  describe('when the store fails', () => {
    let store: Store
    let sync: ChainSync
    /** Strikes at the next commits. */
    let fault: 'before' | 'after' | undefined
    let failures = 0

    const startSync = async () => {
      store = await openStore(databasePath())
      failures = 0
      const failing: Store = {
        ...store,
        async commit(commit) {
          const strike = fault
          if (strike === 'before') throw failed()
          await store.commit(commit)
          if (strike === 'after') throw failed()
        },
      }
      const [entry] = addressBookOf([chainOf()]).chains
      sync = createChainSync({
        config: {
          ...entry!,
          contracts: Object.entries(entry!.contracts)
            .filter(([kind]) => kind !== 'AccessManager')
            .map(([kind, contract]) => ({ kind, ...contract })),
        },
        store: failing,
        log: pino({ level: 'silent' }),
        metrics: createMetrics(new Registry()),
        pollMs: 20,
        completenessCheckMs: 300,
        expectedAuthors: async () => [],
      })
      void sync.run()
    }
    const failed = () => {
      failures++
      return Object.assign(new Error('terminating connection'), { code: '57P01' })
    }
    const done = async () => {
      const head = await headNumber()
      await eventually(
        'it is caught up',
        () => sync.view.checkpoint?.number === head && sync.view.state === 'following',
      )
    }
    afterEach(async () => {
      fault = undefined
      await sync.stop()
      await store.close()
    })

    for (const when of ['before', 'after'] as const)
      it(`loses and doubles nothing: ${when} a commit came through`, async () => {
        await startSync()
        await writer.record()
        await done()
        fault = when
        await writer.recordBatch(3)
        const base = await chain.request('evm_snapshot')
        await writer.record()
        await eventually('it fails again and again', () => failures >= 2)
        expect(sync.view).to.include({ state: 'unreachable' })
        expect(sync.view.lastError).to.contain('57P01')
        await chain.request('evm_revert', [base])
        writer.reset()
        await writer.recordBatch(2)
        fault = undefined
        await done()
        const dump = await Array.fromAsync(store.dump())
        expect(dump).to.deep.equal(await replayDump([{ chain, contracts, finalityDepth: DEPTH }]))
      })
  })
})
