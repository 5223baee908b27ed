import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { type ChainSync, createChainSync } from '../../../indexer/chain/chain-sync.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import { createMetrics } from '../../../indexer/metrics.ts'
import { openStore } from '../../../indexer/store/open-store.ts'
import type { Store } from '../../../indexer/store/store.ts'
import { startAnvil } from '../../support/anvil.ts'
import { deployAll } from '../../support/contracts.ts'
import { eventually } from '../../support/eventually.ts'
import { describeFollowing } from '../../support/following.ts'
import { addressBookOf, caughtUp, databasePath, testChain } from '../../support/indexer.ts'
import { type RelayedCall, startRpcRelay } from '../../support/rpc-relay.ts'

/** Longer than any test: what happens sooner was not found by polling. */
const NEVER_MS = 60_000

describeFollowing('following a chain', { finalityDepth: 20 }, (bed) => {
  describe('over WebSocket', () => {
    const onSocket = async (indexer: RunningIndexer) => {
      await bed.caughtUp(indexer)
      await eventually('the socket is up', () => bed.viewOf(indexer).wakeUp?.() === 'websocket')
    }

    it('asks once for a block that was announced', async () => {
      const socketUrl = bed.chain.url.replace('http', 'ws')
      const indexer = await bed.start([{ ...bed.chainOf(bed.relay.url), webSocketUrls: [socketUrl] }], {
        pollMs: NEVER_MS,
        completenessCheckMs: NEVER_MS,
      })
      await onSocket(indexer)
      // Once it is subscribed it looks for what came before.
      await sleep(300)
      bed.relay.calls.length = 0
      await bed.writer.record()
      await bed.caughtUp(indexer)
      const methods = bed.relay.calls.map(({ method }) => method)
      expect(methods.slice(0, 2)).to.deep.equal(['eth_getBlockByHash', 'eth_getLogs'])
      expect(methods).to.not.include('eth_getBlockByNumber')
    })

    it('misses nothing of blocks that come faster than they are taken in', async () => {
      const indexer = await bed.start([bed.chainOf()], { pollMs: NEVER_MS })
      await onSocket(indexer)
      for (let i = 0; i < 3; i++) {
        await bed.writer.recordBatch(2)
        await bed.chain.request('anvil_mine', ['0x50'])
      }
      await bed.writer.record()
      await bed.caughtUp(indexer)
      await bed.expectReplayEqual(indexer)
    })

    it('puts a reorganisation right when its first block is announced', async () => {
      const indexer = await bed.start([bed.chainOf()], { pollMs: NEVER_MS })
      await onSocket(indexer)
      for (let i = 0; i < 5; i++) await bed.writer.record()
      await bed.caughtUp(indexer)
      const times: number[] = []
      for (let depth = 1; depth <= 4; depth++) {
        const number = await bed.headNumber()
        await bed.chain.request('anvil_reorg', [depth, []])
        const from = performance.now()
        const head = await bed.chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
        await eventually('the new branch is indexed', () => {
          const { hash } = bed.viewOf(indexer).checkpoint!
          return `0x${Buffer.from(hash).toString('hex')}` === head.hash
        })
        times.push(performance.now() - from)
        expect(await bed.headNumber(), 'at the same height').to.equal(number)
      }
      // 50 ms each on a machine with nothing else to do; what is waited for here is nothing like a poll.
      expect(Math.min(...times)).to.be.below(300)
      expect(bed.viewOf(indexer).reorganisations).to.be.at.least(4)
      await bed.expectReplayEqual(indexer)
    })

    it('is left alone where the configuration says so', async () => {
      const indexer = await bed.start([bed.chainOf()], { webSocket: false })
      await bed.writer.record()
      await bed.caughtUp(indexer)
      expect(bed.viewOf(indexer).wakeUp?.()).to.equal('polling')
    })
  })

  describe('by polling', () => {
    it('puts a shorter branch right at the next look', async () => {
      const indexer = await bed.start([bed.chainOf(bed.relay.url)], { pollMs: 300, webSocket: false })
      const base = await bed.chain.request('evm_snapshot')
      for (let i = 0; i < 5; i++) await bed.writer.record()
      await bed.caughtUp(indexer)
      await bed.chain.request('evm_revert', [base])
      bed.writer.reset()
      await bed.writer.record()
      bed.relay.calls.length = 0
      await eventually('it is rolled back', () => bed.viewOf(indexer).reorganisations === 1)
      const looks = bed.relay.calls.filter(
        ({ method, params }) => method === 'eth_getBlockByNumber' && params[0] === 'latest',
      )
      // The one that finds it, and one that sees it done.
      expect(looks.length).to.be.at.most(2)
      await bed.caughtUp(indexer)
      await bed.expectReplayEqual(indexer)
    })

    it('reads again when a block vanishes between its header and its logs', async () => {
      const indexer = await bed.start([bed.chainOf(bed.relay.url)], { webSocket: false })
      await bed.writer.record()
      await bed.caughtUp(indexer)
      let vanished = 0
      bed.relay.faults.refuse = ({ method }) =>
        method === 'eth_getLogs' && vanished++ < 3 ? { code: -32000, message: 'unknown block' } : undefined
      const states = new Set<string>()
      await bed.writer.record()
      await eventually('it is indexed', async () => {
        states.add(bed.viewOf(indexer).state)
        return bed.viewOf(indexer).checkpoint!.number === (await bed.headNumber())
      })
      expect(vanished).to.be.at.least(3)
      expect([...states]).to.not.include('unreachable')
      await bed.caughtUp(indexer)
      await bed.expectReplayEqual(indexer)
    })
  })

  describe('through an endpoint whose head is old', () => {
    const answerFrom = (number: string) => {
      bed.relay.faults.alter = ({ method, params }: RelayedCall, result) => {
        const isAbove = (block: unknown) =>
          Number((block as { number: string } | null)?.number) > Number(number)
        if (method === 'eth_getBlockByNumber' && params[0] === 'latest') return old
        return method.startsWith('eth_getBlockBy') && isAbove(result) ? null : result
      }
    }
    let old: unknown

    it('does not take it for a reorganisation, and says what is the matter', async () => {
      const indexer = await bed.start([bed.chainOf(bed.relay.url)], { webSocket: false })
      await bed.writer.record()
      // Blocks are a minute apart here: a head that stands still for seconds is nothing unusual.
      await bed.chain.request('anvil_setBlockTimestampInterval', [60])
      old = await bed.chain.request('eth_getBlockByNumber', ['latest', false])
      for (let i = 0; i < 3; i++) await bed.writer.record()
      await bed.caughtUp(indexer)
      answerFrom((old as { number: string }).number)
      await eventually(
        'it shows',
        () => bed.viewOf(indexer).lastError?.includes('its head is block') === true,
      )
      expect(bed.viewOf(indexer).lastError).to.contain(`chain-${bed.chain.chainId}#0`)
      bed.relay.faults.alter = undefined
      await bed.writer.record()
      await bed.caughtUp(indexer)
      expect(bed.viewOf(indexer).lastError).to.equal(undefined)
      expect(bed.viewOf(indexer).reorganisations).to.equal(0)
      await bed.expectReplayEqual(indexer)
    })

    it('goes on with another endpoint', async () => {
      const indexer = await bed.start([bed.chainOf(bed.relay.url, bed.chain.url)], { webSocket: false })
      await bed.writer.record()
      await bed.caughtUp(indexer)
      old = await bed.chain.request('eth_getBlockByNumber', ['latest', false])
      await bed.writer.record()
      await bed.caughtUp(indexer)
      answerFrom((old as { number: string }).number)
      for (let i = 0; i < 3; i++) await bed.writer.record()
      await bed.caughtUp(indexer)
      expect(bed.viewOf(indexer).reorganisations).to.equal(0)
      await bed.expectReplayEqual(indexer)
    })

    it('sets it aside when another one has been ahead for seconds', async function () {
      this.timeout(90_000)
      const indexer = await bed.start([bed.chainOf(bed.relay.url, bed.chain.url)], { webSocket: false })
      await bed.writer.record()
      await bed.caughtUp(indexer)
      old = await bed.chain.request('eth_getBlockByNumber', ['latest', false])
      answerFrom((old as { number: string }).number)
      for (let i = 0; i < 3; i++) await bed.writer.record()
      const first = () => bed.viewOf(indexer).endpoints()[0]!
      await eventually('it is set aside', () => first().aside === 'behind', 15_000)
      await bed.caughtUp(indexer)
      await bed.expectReplayEqual(indexer)
    })
  })

  describe('through an endpoint of another chain', () => {
    it('names it and goes on with the right one', async () => {
      const other = await startAnvil({ flags: ['--timestamp', '1700000000'] })
      try {
        const indexer = await bed.start([bed.chainOf(bed.relay.url, bed.chain.url)], { webSocket: false })
        await bed.writer.record()
        await bed.caughtUp(indexer)
        bed.relay.retarget(other.url)
        await bed.writer.record()
        await bed.caughtUp(indexer)
        await eventually('it is named', () => bed.viewOf(indexer).endpoints()[0]!.aside === 'other-chain')
        expect(bed.viewOf(indexer).alarm).to.equal(undefined)
        await bed.expectReplayEqual(indexer)
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
      const relay = bed.keep(await startRpcRelay(fixed.url))
      try {
        await fixed.request('anvil_mine', ['0x40'])
        const indexer = await bed.start(
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
        const view = bed.viewOf(indexer)
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
      const indexer = await bed.start([{ ...bed.chainOf(), finalityDepth: 1, finalizedTag: true }])
      await bed.chain.request('anvil_mine', ['0x80'])
      await bed.writer.record()
      await bed.caughtUp(indexer)
      const { number } = await bed.chain.request<{ number: string }>('eth_getBlockByNumber', [
        'finalized',
        false,
      ])
      expect(Number(number)).to.be.below((await bed.headNumber()) - 1)
      expect(bed.viewOf(indexer).checkpoint!.finalNumber).to.equal(Number(number))
    })

    const tags: Record<string, (latest: unknown) => unknown> = {
      'is the head': (latest) => latest,
      'is missing': () => null,
    }
    for (const [what, finalized] of Object.entries(tags))
      it(`goes by the depth where the tag ${what}`, async () => {
        let latest: unknown
        bed.relay.faults.alter = ({ params }, result) => {
          if (params[0] === 'latest') latest = result
          return params[0] === 'finalized' ? finalized(latest) : result
        }
        await bed.chain.request('anvil_mine', ['0x80'])
        const byTag = { ...bed.chainOf(bed.relay.url), finalityDepth: 3, finalizedTag: true as const }
        const indexer = await bed.start([byTag], { webSocket: false })
        await bed.caughtUp(indexer)
        expect(bed.viewOf(indexer).checkpoint!.finalNumber).to.equal((await bed.headNumber()) - 3)
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
      const [entry] = addressBookOf([bed.chainOf()]).chains
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
      const { hash } = await bed.chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
      await eventually('it is caught up', () => {
        const { checkpoint, state } = sync.view
        return state === 'following' && `0x${Buffer.from(checkpoint!.hash).toString('hex')}` === hash
      })
    }
    afterEach(async () => {
      fault = undefined
      await sync.stop()
      await store.close()
    })

    for (const when of ['before', 'after'] as const)
      it(`loses and doubles nothing: ${when} a commit came through`, async () => {
        await startSync()
        await bed.writer.record()
        await done()
        fault = when
        await bed.writer.recordBatch(3)
        const base = await bed.chain.request('evm_snapshot')
        await bed.writer.record()
        await eventually('it fails again and again', () => failures >= 2)
        expect(sync.view).to.include({ state: 'unreachable' })
        expect(sync.view.lastError).to.contain('57P01')
        await bed.chain.request('evm_revert', [base])
        bed.writer.reset()
        await bed.writer.recordBatch(2)
        fault = undefined
        await done()
        const dump = await Array.fromAsync(store.dump())
        expect(dump).to.deep.equal(await bed.replayDump())
      })
  })
})
