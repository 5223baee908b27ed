import { expect } from 'chai'
import type { RunningIndexer } from '../../indexer/indexer.ts'
import { addressOf } from '../../protocol/signature.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { DEPLOYER_KEY, type DeployedContracts, deployAll, registerProvider } from '../support/contracts.ts'
import { eventually } from '../support/eventually.ts'
import {
  caughtUp,
  databasePath,
  dumpOf,
  replayDump,
  startTestIndexer,
  testChain,
} from '../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../support/record-writer.ts'
import { type RpcRelay, startRpcRelay } from '../support/rpc-relay.ts'

const SECOND_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
const DEPTH = 20

describe('indexer', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let writer: RecordWriter
  let other: RecordWriter
  const started: { stop(): Promise<void> }[] = []

  const keep = <Part extends { stop(): Promise<void> }>(part: Part): Part => {
    started.push(part)
    return part
  }
  const start = async (...args: Parameters<typeof startTestIndexer>): Promise<RunningIndexer> =>
    keep(await startTestIndexer(...args))
  const chainOf = (rpcUrl?: string) =>
    testChain(chain, contracts, { finalityDepth: DEPTH, ...(rpcUrl === undefined ? {} : { rpcUrl }) })
  const expectReplayEqual = async (indexer: RunningIndexer) =>
    expect(await dumpOf(indexer)).to.deep.equal(
      await replayDump([{ chain, contracts, finalityDepth: DEPTH }]),
    )

  beforeEach(async () => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    writer = recordWriter(chain.url, contracts.QueryResultRegistry)
    other = recordWriter(chain.url, contracts.QueryResultRegistry, SECOND_KEY)
  })

  afterEach(async () => {
    await Promise.all(started.splice(0).map((part) => part.stop()))
    writer.close()
    other.close()
    await chain.kill()
  })

  async function writeSome(): Promise<void> {
    await writer.record()
    await other.recordBatch(7)
    await writer.publish(await writer.recordBatch(3))
    await writer.anchor(`0x${'ab'.repeat(32)}`, 2n ** 64n - 1n)
  }

  it('indexes what is on chain, and follows it', async () => {
    const before = await writer.record()
    const indexer = await start([chainOf()])
    await caughtUp(indexer, chain)
    const after = await writer.record()
    await caughtUp(indexer, chain)
    for (const { key, digest } of [before, after]) {
      const rows = await indexer.store.findRecords(Buffer.from(key.slice(2), 'hex'))
      expect(rows.map((row) => row.digest)).to.deep.equal([digest])
    }
  })

  it('holds the same, whether it followed the chain or read it all at once', async () => {
    const indexer = await start([chainOf()])
    await registerProvider(
      chain.url,
      { directory: contracts.ParticipantDirectory, ...chain, registry: contracts.QueryResultRegistry },
      addressOf(DEPLOYER_KEY),
    )
    writer.reset()
    await writeSome()
    await caughtUp(indexer, chain)
    await writeSome()
    await chain.request('anvil_mine', ['0x60'])
    await writeSome()
    await caughtUp(indexer, chain)
    await expectReplayEqual(indexer)
  })

  it('goes on where it stopped', async () => {
    const database = databasePath()
    await writeSome()
    const first = await startTestIndexer([chainOf()], { database })
    await caughtUp(first, chain)
    await first.stop()
    await writeSome()
    const relay = keep(await startRpcRelay(chain.url))
    const second = await start([chainOf(relay.url)], { database })
    await caughtUp(second, chain)
    await expectReplayEqual(second)
    const ranges = relay.calls.filter(
      ({ method, params }) => method === 'eth_getLogs' && 'fromBlock' in (params[0] as object),
    )
    expect(ranges, 'no block is read a second time').to.deep.equal([])
  })

  it('reads a contract that the address book gets later from its start', async () => {
    const database = databasePath()
    const registered = {
      directory: contracts.ParticipantDirectory,
      ...chain,
      registry: contracts.QueryResultRegistry,
    }
    await registerProvider(chain.url, registered, addressOf(SECOND_KEY))
    writer.reset()
    await writeSome()
    const { QueryResultRegistry: _, ...withoutRegistry } = contracts
    const partial = { ...chainOf(), contracts: withoutRegistry as DeployedContracts }
    const first = await startTestIndexer([partial], { database })
    await caughtUp(first, chain)
    await first.stop()
    const second = await start([chainOf()], { database })
    await caughtUp(second, chain)
    await expectReplayEqual(second)
  })

  it('reads ranges in pieces when the endpoint limits them', async () => {
    for (let i = 0; i < 5; i++) await writeSome()
    await chain.request('anvil_mine', ['0x100'])
    const relay = keep(await startRpcRelay(chain.url))
    relay.faults.refuse = ({ method, params }) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as Record<string, string>
      return method === 'eth_getLogs' && Number(toBlock) - Number(fromBlock) >= 10
        ? { code: -32005, message: 'block range is limited to 10 blocks' }
        : undefined
    }
    const indexer = await start([chainOf(relay.url)])
    await caughtUp(indexer, chain)
    await expectReplayEqual(indexer)
  })

  describe('when its endpoint fails', () => {
    let relay: RpcRelay
    let indexer: RunningIndexer

    beforeEach(async () => {
      relay = keep(await startRpcRelay(chain.url))
      indexer = await start([chainOf(relay.url)], { requestTimeoutMs: 300 })
      await caughtUp(indexer, chain)
    })

    const faults: Record<string, () => void> = {
      'cuts connections': () => {
        relay.faults.cut = true
      },
      'answers 503': () => {
        relay.faults.respond = () => ({ status: 503, body: 'busy' })
      },
      'answers 429': () => {
        relay.faults.respond = () => ({ status: 429, body: '' })
      },
      'answers half a document': () => {
        relay.faults.respond = () => ({ status: 200, body: '[{"jsonrpc":"2.0","id":1,"resu' })
      },
      'answers with wrong types': () => {
        relay.faults.alter = (_, result) => (Array.isArray(result) ? 7 : { number: 'seven' })
      },
      'does not answer in time': () => {
        relay.faults.delayMs = 1_000
      },
    }
    for (const [fault, inject] of Object.entries(faults))
      it(`says so and goes on afterwards: ${fault}`, async () => {
        inject()
        await writeSome()
        await eventually('the failure shows', () => indexer.views.get(chain.chainId)!.state === 'unreachable')
        const ready = await fetch(`${indexer.url}/readyz`)
        expect(ready.status).to.equal(503)
        for (const name of Object.keys(relay.faults)) delete relay.faults[name as keyof typeof relay.faults]
        await caughtUp(indexer, chain)
        await expectReplayEqual(indexer)
      })

    it('uses the next endpoint', async () => {
      const dead = keep(await startRpcRelay(chain.url, { cut: true }))
      const two = await start([{ ...chainOf(), rpcUrls: [dead.url, relay.url] }])
      await writeSome()
      await caughtUp(two, chain)
      const [first, second] = two.views.get(chain.chainId)!.endpoints()
      expect(first).to.include({ healthy: false, lastFailure: 'unreachable' })
      expect(second).to.include({ healthy: true })
    })

    it('puts logs that came in disorder or twice in order', async () => {
      relay.faults.alter = ({ method }, result) =>
        method === 'eth_getLogs' && Array.isArray(result) ? [...result, ...result].reverse() : result
      await writeSome()
      await chain.request('anvil_mine', ['0x60'])
      await caughtUp(indexer, chain)
      await expectReplayEqual(indexer)
    })
  })

  describe('when the chain reorganises', () => {
    /** Goes back to `snapshot` and writes something else in place of what came after it. */
    async function branch(snapshot: unknown, blocks: number): Promise<void> {
      await chain.request('evm_revert', [snapshot])
      writer.reset()
      other.reset()
      for (let i = 0; i < blocks; i++) await (i % 2 === 0 ? writer.record() : other.recordBatch(2))
    }
    const snapshot = () => chain.request('evm_snapshot')

    it('rolls back and replays, keeping what was orphaned', async () => {
      const indexer = await start([chainOf()])
      await writeSome()
      const base = await snapshot()
      const orphan = await writer.record()
      await writer.record()
      await caughtUp(indexer, chain)
      await branch(base, 4)
      await caughtUp(indexer, chain)
      await expectReplayEqual(indexer)
      const key = Buffer.from(orphan.key.slice(2), 'hex')
      expect(await indexer.store.findRecords(key)).to.have.length(0)
      expect(await indexer.store.findOrphanedRecords(key)).to.have.length(1)
      expect(indexer.views.get(chain.chainId)!.reorganisations).to.equal(1)
    })

    it('follows several in a row at the same height', async () => {
      const indexer = await start([chainOf()])
      await writeSome()
      for (let i = 0; i < 4; i++) {
        const base = await snapshot()
        await writer.record()
        await writer.record()
        await caughtUp(indexer, chain)
        await branch(base, 2)
        await caughtUp(indexer, chain)
      }
      await expectReplayEqual(indexer)
    })

    it('follows one that happened while it was down', async () => {
      const database = databasePath()
      await writeSome()
      const base = await snapshot()
      const first = await startTestIndexer([chainOf()], { database })
      for (let i = 0; i < 3; i++) await writer.record()
      await caughtUp(first, chain)
      await first.stop()
      await branch(base, 9)
      const second = await start([chainOf()], { database })
      await caughtUp(second, chain)
      await expectReplayEqual(second)
    })

    it('follows one that is followed by many blocks', async () => {
      const database = databasePath()
      await writeSome()
      const base = await snapshot()
      const first = await startTestIndexer([chainOf()], { database })
      await writer.record()
      await caughtUp(first, chain)
      await first.stop()
      await branch(base, 3)
      await chain.request('anvil_mine', ['0x200'])
      await writeSome()
      const second = await start([chainOf()], { database })
      await caughtUp(second, chain)
      await expectReplayEqual(second)
    })

    it('follows a chain that was cut back', async () => {
      const indexer = await start([chainOf()])
      await writeSome()
      const base = await snapshot()
      const orphan = await writer.record()
      await caughtUp(indexer, chain)
      await chain.request('evm_revert', [base])
      await caughtUp(indexer, chain)
      const key = Buffer.from(orphan.key.slice(2), 'hex')
      expect(await indexer.store.findOrphanedRecords(key)).to.have.length(1)
      await expectReplayEqual(indexer)
    })

    it('stops at one deeper than finality and says what to do', async () => {
      const indexer = await start([chainOf()])
      const base = await snapshot()
      await chain.request('anvil_mine', ['0x40'])
      await writer.record()
      await caughtUp(indexer, chain)
      const dump = await dumpOf(indexer)
      await branch(base, 1)
      await chain.request('anvil_mine', ['0x80'])
      const view = indexer.views.get(chain.chainId)!
      await eventually('the chain is stopped', () => view.state === 'stopped')
      expect(view.alarm?.code).to.equal('CHAIN_REORGANISED_PAST_FINALITY')
      expect(await dumpOf(indexer), 'the index stays as it was').to.deep.equal(dump)
      const ready = await (await fetch(`${indexer.url}/readyz`)).json()
      expect(ready.detail).to.contain('counted as final')
      const status = await (await fetch(`${indexer.url}/v1/status`)).json()
      expect(status.chains[0].alarm.code).to.equal('CHAIN_REORGANISED_PAST_FINALITY')
    })

    it('stops when another chain takes its place', async () => {
      const relay = keep(await startRpcRelay(chain.url))
      const indexer = await start([chainOf(relay.url)])
      await writeSome()
      await caughtUp(indexer, chain)
      const impostor = await startAnvil({ flags: ['--timestamp', '1700000000'] })
      try {
        await deployAll(impostor.url)
        relay.retarget(impostor.url)
        const view = indexer.views.get(chain.chainId)!
        await eventually('the chain is stopped', () => view.state === 'stopped')
        expect(view.alarm?.code).to.equal('CHAIN_REPLACED')
        expect(view.alarm?.action).to.contain('new database')
      } finally {
        await impostor.kill()
      }
    })
  })

  describe('with a second chain', () => {
    it('indexes both, and one that fails does not hold up the other', async () => {
      const second = await startAnvil({ chainId: 31338 })
      const relay = keep(await startRpcRelay(second.url))
      const secondContracts = await deployAll(second.url)
      const secondWriter = recordWriter(second.url, secondContracts.QueryResultRegistry)
      try {
        const indexer = await start([
          chainOf(),
          testChain(second, secondContracts, { rpcUrl: relay.url, finalityDepth: DEPTH }),
        ])
        await writeSome()
        await secondWriter.recordBatch(4)
        await Promise.all([caughtUp(indexer, chain), caughtUp(indexer, second)])
        relay.faults.cut = true
        await writeSome()
        await caughtUp(indexer, chain)
        expect(indexer.views.get(31338)!.state).to.equal('unreachable')
        relay.faults.cut = false
        await secondWriter.record()
        await caughtUp(indexer, second)
        expect(await dumpOf(indexer)).to.deep.equal(
          await replayDump([
            { chain, contracts, finalityDepth: DEPTH },
            { chain: second, contracts: secondContracts, finalityDepth: DEPTH },
          ]),
        )
      } finally {
        secondWriter.close()
        await second.kill()
      }
    })
  })
})
