import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'chai'
import { type ChainRpc, type ChainRpcOptions, connectChain } from '../../../services/party/rpc.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { expectRejection } from '../../support/expect-error.ts'
import { startRpcRelay } from '../../support/rpc-relay.ts'

describe('ChainRpc', () => {
  let chain: AnvilChain
  const servers: Server[] = []
  const connections: ChainRpc[] = []

  before(async () => {
    chain = await startAnvil()
  })
  after(() => chain?.kill())
  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.destroy()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  function connect(options: Partial<ChainRpcOptions>): ChainRpc {
    const connection = connectChain({ chainId: 31_337, rpcUrls: [chain.url], ...options })
    connections.push(connection)
    return connection
  }

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('asks a chain, many things at once', async () => {
    const rpc = connect({})
    const answers = await Promise.all(Array.from({ length: 120 }, () => rpc.send('eth_chainId', [])))
    expect(new Set(answers)).to.deep.equal(new Set(['0x7a69']))
  })

  it('reads anew each time', async () => {
    const rpc = connect({})
    const before = await rpc.getBlockNumber()
    await chain.request('evm_mine')
    expect(await rpc.getBlockNumber()).to.equal(before + 1)
  })

  it('goes to the next endpoint when one does not answer', async () => {
    let asked = 0
    const silent = await serve(() => asked++)
    const failing = await serve((_request, response) => {
      asked++
      response.writeHead(503).end()
    })
    const rpc = connect({ rpcUrls: ['http://127.0.0.1:9', silent, failing, chain.url], timeoutMs: 2_000 })
    expect(await rpc.send('eth_chainId', [])).to.equal('0x7a69')
    expect(asked).to.equal(2)
    // The one that answered is asked first now.
    await rpc.send('eth_chainId', [])
    expect(asked).to.equal(2)
  })

  it('asks each endpoint by itself, and lets none stand in for another', async () => {
    const pruned = await startRpcRelay(chain.url, {
      refuse: ({ method }) => (method === 'eth_getLogs' ? { code: -32_000, message: 'pruned' } : undefined),
    })
    const { nodes } = connect({ rpcUrls: ['http://127.0.0.1:9', pruned.url, chain.url] })
    const answers = await Promise.allSettled(nodes.map((node) => node.send('eth_getLogs', [{}])))
    await pruned.stop()
    expect(answers.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'fulfilled'])
    const [down, refusing] = answers as PromiseRejectedResult[]
    expect(down!.reason).to.have.property('code', 'CHAIN_UNREACHABLE')
    expect(refusing!.reason).to.not.have.property('code')
  })

  it('uses no single endpoint of another chain', async () => {
    const [node] = connect({ chainId: 1 }).nodes
    await expectRejection(node!.send('eth_blockNumber', []), 'CHAIN_MISMATCH')
  })

  it('ends within its time when no endpoint answers', async () => {
    const silent = await serve(() => {})
    const startedAt = Date.now()
    const error = await expectRejection(
      connect({ rpcUrls: [silent], timeoutMs: 500 }).send('eth_chainId', []),
      'CHAIN_UNREACHABLE',
    )
    expect(Date.now() - startedAt).to.be.below(5_000)
    expect(error.retryable).to.equal(true)
    expect(error.message).to.not.include(silent)
  })

  it('uses nothing of a node of another chain', async () => {
    await expectRejection(connect({ chainId: 1 }).send('eth_blockNumber', []), 'CHAIN_MISMATCH')
  })

  describe('that knows the genesis block of its chain', () => {
    let other: AnvilChain
    let genesisHash: string
    before(async () => {
      other = await startAnvil({ flags: ['--timestamp', '1700000000'] })
      genesisHash = (await chain.request<{ hash: string }>('eth_getBlockByNumber', ['0x0', false])).hash
    })
    after(() => other?.kill())

    it('uses nothing of a node with another one, and goes to the next', async () => {
      const error = await expectRejection(
        connect({ rpcUrls: [other.url], genesisHash }).send('eth_blockNumber', []),
        'CHAIN_MISMATCH',
      )
      expect(error.message).to.include(genesisHash)
      const rpc = connect({ rpcUrls: [other.url, chain.url], genesisHash })
      expect(await rpc.send('eth_getBlockByNumber', ['0x0', false])).to.include({ hash: genesisHash })
    })

    it('asks again whom it asked before it knew', async () => {
      const rpc = connect({ rpcUrls: [other.url, chain.url] })
      expect(await rpc.send('eth_chainId', [])).to.equal('0x7a69')
      rpc.expectGenesis(genesisHash)
      expect(await rpc.send('eth_getBlockByNumber', ['0x0', false])).to.include({ hash: genesisHash })
    })

    it('notices a node that came back as another one, and that the right one is back', async () => {
      const relay = await startRpcRelay(chain.url)
      const rpc = connect({ rpcUrls: [relay.url], genesisHash })
      try {
        await rpc.send('eth_blockNumber', [])
        relay.retarget(other.url)
        // Nothing is asked meanwhile.
        relay.disconnect()
        // A connection's end is noticed a turn of the event loop later, and closed in the next.
        for (let turn = 0; turn < 3; turn++) await nextTurn()
        await expectRejection(rpc.send('eth_blockNumber', []), 'CHAIN_MISMATCH')
        await expectRejection(rpc.send('eth_blockNumber', []), 'CHAIN_MISMATCH')
        relay.retarget(chain.url)
        await rpc.send('eth_blockNumber', [])
      } finally {
        await relay.stop()
      }
    })

    it('takes a refusal to say who it is for nothing but that', async () => {
      const busy = await startRpcRelay(chain.url, {
        refuse: ({ method }) =>
          method === 'eth_getBlockByNumber' ? { code: -32_005, message: 'too many requests' } : undefined,
      })
      const rpc = connect({ rpcUrls: [busy.url], genesisHash })
      await expectRejection(rpc.send('eth_blockNumber', []), 'CHAIN_UNREACHABLE')
      busy.faults.refuse = undefined
      await rpc.send('eth_blockNumber', [])
      await busy.stop()
    })
  })

  it('reads no more of an answer than it allows', async () => {
    const endless = await serve((_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'.repeat(10_000)), 1)
      response.on('close', () => clearInterval(timer))
    })
    const rpc = connect({ rpcUrls: [endless], maxAnswerBytes: 50_000, timeoutMs: 5_000 })
    await expectRejection(rpc.send('eth_blockNumber', []), 'CHAIN_UNREACHABLE')
  })
})
