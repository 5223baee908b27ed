import { expect } from 'chai'
import type { RunningIndexer } from '../../indexer/indexer.ts'
import { startAnvil } from '../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../support/contracts.ts'
import { eventually } from '../support/eventually.ts'
import { describeFollowing } from '../support/following.ts'
import { caughtUp, databasePath, dumpOf, replayDump, testChain } from '../support/indexer.ts'
import { type RecordWriter, recordWriter } from '../support/record-writer.ts'
import { type RpcRelay, startRpcRelay } from '../support/rpc-relay.ts'

const SECOND_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
const DEPTH = 20

describeFollowing('indexer', { finalityDepth: DEPTH }, (bed) => {
  let other: RecordWriter

  beforeEach(() => {
    other = bed.newWriter(SECOND_KEY)
  })

  async function writeSome(): Promise<void> {
    await bed.writer.record()
    await other.recordBatch(7)
    await bed.writer.publish(await bed.writer.recordBatch(3))
    await bed.writer.anchor(`0x${'ab'.repeat(32)}`, 2n ** 64n - 1n)
  }

  it('indexes what is on chain, and follows it', async () => {
    const before = await bed.writer.record()
    const indexer = await bed.start([bed.chainOf()])
    await bed.caughtUp(indexer)
    const after = await bed.writer.record()
    await bed.caughtUp(indexer)
    for (const { key, digest } of [before, after]) {
      const rows = await indexer.store.findRecords(Buffer.from(key.slice(2), 'hex'))
      expect(rows.map((row) => row.digest)).to.deep.equal([digest])
    }
  })

  it('holds the same, whether it followed the chain or read it all at once', async () => {
    const indexer = await bed.start([bed.chainOf()])
    await bed.register()
    await writeSome()
    await bed.caughtUp(indexer)
    await writeSome()
    await bed.chain.request('anvil_mine', ['0x60'])
    await writeSome()
    await bed.caughtUp(indexer)
    await bed.expectReplayEqual(indexer)
  })

  it('goes on where it stopped', async () => {
    const database = databasePath()
    await writeSome()
    const first = await bed.start([bed.chainOf()], { database })
    await bed.caughtUp(first)
    await first.stop()
    await writeSome()
    const second = await bed.start([bed.chainOf(bed.relay.url)], { database })
    await bed.caughtUp(second)
    await bed.expectReplayEqual(second)
    const ranges = bed.relay.calls.filter(
      ({ method, params }) => method === 'eth_getLogs' && 'fromBlock' in (params[0] as object),
    )
    expect(ranges, 'no block is read a second time').to.deep.equal([])
  })

  it('reads a contract that the address book gets later from its start', async () => {
    const database = databasePath()
    await bed.register(other.author)
    await writeSome()
    const { QueryResultRegistry: _, ...withoutRegistry } = bed.contracts
    const partial = { ...bed.chainOf(), contracts: withoutRegistry as DeployedContracts }
    const first = await bed.start([partial], { database })
    await bed.caughtUp(first)
    await first.stop()
    const second = await bed.start([bed.chainOf()], { database })
    await bed.caughtUp(second)
    await bed.expectReplayEqual(second)
  })

  it('reads ranges in pieces when the endpoint limits them', async () => {
    for (let i = 0; i < 5; i++) await writeSome()
    await bed.chain.request('anvil_mine', ['0x100'])
    bed.relay.faults.refuse = ({ method, params }) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as Record<string, string>
      return method === 'eth_getLogs' && Number(toBlock) - Number(fromBlock) >= 10
        ? { code: -32005, message: 'block range is limited to 10 blocks' }
        : undefined
    }
    const indexer = await bed.start([bed.chainOf(bed.relay.url)])
    await bed.caughtUp(indexer)
    await bed.expectReplayEqual(indexer)
  })

  describe('when its endpoint fails', () => {
    let indexer: RunningIndexer

    beforeEach(async () => {
      indexer = await bed.start([bed.chainOf(bed.relay.url)], { requestTimeoutMs: 300 })
      await bed.caughtUp(indexer)
    })

    const faults: Record<string, () => void> = {
      'cuts connections': () => {
        bed.relay.faults.cut = true
      },
      'answers 503': () => {
        bed.relay.faults.respond = () => ({ status: 503, body: 'busy' })
      },
      'answers 429': () => {
        bed.relay.faults.respond = () => ({ status: 429, body: '' })
      },
      'answers half a document': () => {
        bed.relay.faults.respond = () => ({ status: 200, body: '[{"jsonrpc":"2.0","id":1,"resu' })
      },
      'answers with wrong types': () => {
        bed.relay.faults.alter = (_, result) => (Array.isArray(result) ? 7 : { number: 'seven' })
      },
      'does not answer in time': () => {
        bed.relay.faults.delayMs = 1_000
      },
    }
    for (const [fault, inject] of Object.entries(faults))
      it(`says so and goes on afterwards: ${fault}`, async () => {
        inject()
        await writeSome()
        await eventually('the failure shows', () => bed.viewOf(indexer).state === 'unreachable')
        const ready = await fetch(`${indexer.url}/readyz`)
        expect(ready.status).to.equal(503)
        for (const name of Object.keys(bed.relay.faults))
          delete bed.relay.faults[name as keyof RpcRelay['faults']]
        await bed.caughtUp(indexer)
        await bed.expectReplayEqual(indexer)
      })

    it('uses the next endpoint', async () => {
      const dead = bed.keep(await startRpcRelay(bed.chain.url, { cut: true }))
      const two = await bed.start([bed.chainOf(dead.url, bed.relay.url)])
      await writeSome()
      await bed.caughtUp(two)
      const [first, second] = bed.viewOf(two).endpoints()
      expect(first).to.include({ lastFailure: 'unreachable' })
      expect(second).to.include({ healthy: true })
      // Between a pause and the next try nothing is held against it.
      await eventually('the first is set aside', () => !bed.viewOf(two).endpoints()[0]!.healthy)
    })

    it('puts logs that came in disorder or twice in order', async () => {
      bed.relay.faults.alter = ({ method }, result) =>
        method === 'eth_getLogs' && Array.isArray(result) ? [...result, ...result].reverse() : result
      await writeSome()
      await bed.chain.request('anvil_mine', ['0x60'])
      await bed.caughtUp(indexer)
      await bed.expectReplayEqual(indexer)
    })
  })

  describe('when the chain reorganises', () => {
    /** Goes back to `snapshot` and writes something else in place of what came after it. */
    async function branch(snapshot: unknown, blocks: number): Promise<void> {
      await bed.chain.request('evm_revert', [snapshot])
      bed.writer.reset()
      other.reset()
      for (let i = 0; i < blocks; i++) await (i % 2 === 0 ? bed.writer.record() : other.recordBatch(2))
    }
    const snapshot = () => bed.chain.request('evm_snapshot')

    it('rolls back and replays, keeping what was orphaned', async () => {
      const indexer = await bed.start([bed.chainOf()])
      await writeSome()
      const base = await snapshot()
      const orphan = await bed.writer.record()
      await bed.writer.record()
      await bed.caughtUp(indexer)
      await branch(base, 4)
      await bed.caughtUp(indexer)
      await bed.expectReplayEqual(indexer)
      const key = Buffer.from(orphan.key.slice(2), 'hex')
      expect(await indexer.store.findRecords(key)).to.have.length(0)
      expect(await indexer.store.findOrphanedRecords(key)).to.have.length(1)
      expect(bed.viewOf(indexer).reorganisations).to.equal(1)
    })

    it('follows several in a row at the same height', async () => {
      const indexer = await bed.start([bed.chainOf()])
      await writeSome()
      for (let i = 0; i < 4; i++) {
        const base = await snapshot()
        await bed.writer.record()
        await bed.writer.record()
        await bed.caughtUp(indexer)
        await branch(base, 2)
        await bed.caughtUp(indexer)
      }
      await bed.expectReplayEqual(indexer)
    })

    it('follows one that happened while it was down', async () => {
      const database = databasePath()
      await writeSome()
      const base = await snapshot()
      const first = await bed.start([bed.chainOf()], { database })
      for (let i = 0; i < 3; i++) await bed.writer.record()
      await bed.caughtUp(first)
      await first.stop()
      await branch(base, 9)
      const second = await bed.start([bed.chainOf()], { database })
      await bed.caughtUp(second)
      await bed.expectReplayEqual(second)
    })

    it('follows one that is followed by many blocks', async () => {
      const database = databasePath()
      await writeSome()
      const base = await snapshot()
      const first = await bed.start([bed.chainOf()], { database })
      await bed.writer.record()
      await bed.caughtUp(first)
      await first.stop()
      await branch(base, 3)
      await bed.chain.request('anvil_mine', ['0x200'])
      await writeSome()
      const second = await bed.start([bed.chainOf()], { database })
      await bed.caughtUp(second)
      await bed.expectReplayEqual(second)
    })

    it('follows a chain that was cut back', async () => {
      const indexer = await bed.start([bed.chainOf()])
      await writeSome()
      const base = await snapshot()
      const orphan = await bed.writer.record()
      await bed.caughtUp(indexer)
      await bed.chain.request('evm_revert', [base])
      await bed.caughtUp(indexer)
      const key = Buffer.from(orphan.key.slice(2), 'hex')
      expect(await indexer.store.findOrphanedRecords(key)).to.have.length(1)
      await bed.expectReplayEqual(indexer)
    })

    it('stops at one deeper than finality and says what to do', async () => {
      const indexer = await bed.start([bed.chainOf()])
      const base = await snapshot()
      await bed.chain.request('anvil_mine', ['0x40'])
      await bed.writer.record()
      await bed.caughtUp(indexer)
      const dump = await dumpOf(indexer)
      await branch(base, 1)
      await bed.chain.request('anvil_mine', ['0x80'])
      const view = bed.viewOf(indexer)
      // While it is only short it may look like one that began anew.
      await eventually('it says so', () => view.alarm?.code === 'CHAIN_REORGANISED_PAST_FINALITY')
      expect(view.state).to.equal('stopped')
      expect(await dumpOf(indexer), 'the index stays as it was').to.deep.equal(dump)
      const ready = await (await fetch(`${indexer.url}/readyz`)).json()
      expect(ready.detail).to.contain('counted as final')
      const status = await (await fetch(`${indexer.url}/v1/status`)).json()
      expect(status.chains[0].alarm.code).to.equal('CHAIN_REORGANISED_PAST_FINALITY')
    })

    it('stops when another chain takes its place', async () => {
      const indexer = await bed.start([bed.chainOf(bed.relay.url)])
      await writeSome()
      await bed.caughtUp(indexer)
      const impostor = await startAnvil({ flags: ['--timestamp', '1700000000'] })
      try {
        await deployAll(impostor.url)
        bed.relay.retarget(impostor.url)
        const view = bed.viewOf(indexer)
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
      const relay = bed.keep(await startRpcRelay(second.url))
      const secondContracts = await deployAll(second.url)
      const secondWriter = recordWriter(second.url, secondContracts.QueryResultRegistry)
      try {
        const indexer = await bed.start([
          bed.chainOf(),
          testChain(second, secondContracts, { rpcUrl: relay.url, finalityDepth: DEPTH }),
        ])
        await writeSome()
        await secondWriter.recordBatch(4)
        await Promise.all([bed.caughtUp(indexer), caughtUp(indexer, second)])
        relay.faults.cut = true
        await writeSome()
        await bed.caughtUp(indexer)
        await eventually('the other one shows', () => indexer.views.get(31338)!.state === 'unreachable')
        relay.faults.cut = false
        await secondWriter.record()
        await caughtUp(indexer, second)
        expect(await dumpOf(indexer)).to.deep.equal(
          await replayDump([
            { chain: bed.chain, contracts: bed.contracts, finalityDepth: DEPTH },
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
