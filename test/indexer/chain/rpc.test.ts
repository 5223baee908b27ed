import { expect } from 'chai'
import { createRpcClient, type RpcClient } from '../../../indexer/chain/rpc-client.ts'
import { failureOf } from '../../../indexer/chain/rpc-dialects.ts'
import { createRpcEndpoint } from '../../../indexer/chain/rpc-endpoint.ts'
import { isRpcError, type RpcFailure } from '../../../indexer/chain/rpc-error.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'

describe('JSON-RPC client', () => {
  let chain: AnvilChain
  let relay: RpcRelay

  before(async () => {
    chain = await startAnvil()
  })
  after(() => chain.kill())
  beforeEach(async () => {
    relay = await startRpcRelay(chain.url)
  })
  afterEach(() => relay.stop())

  const endpoint = (options: { timeoutMs?: number; maxResponseBytes?: number } = {}) =>
    createRpcEndpoint({ url: relay.url, name: 'a#0', ...options })

  async function failureOfRequest(
    options: Parameters<typeof endpoint>[0] = {},
  ): Promise<RpcFailure | undefined> {
    const asked = endpoint(options)
    try {
      await asked.request('eth_getBlockByNumber', ['latest', true])
      return undefined
    } catch (error) {
      return isRpcError(error) ? error.failure : undefined
    } finally {
      await asked.close()
    }
  }

  it('answers a batch in the order of its calls, whatever order the server keeps', async () => {
    relay.faults.alter = ({ method }, result) => (method === 'eth_chainId' ? '0x1' : result)
    const asked = endpoint()
    const [chainId, block] = await asked.batch<[string, { number: string }]>([
      { method: 'eth_chainId', params: [] },
      { method: 'eth_getBlockByNumber', params: ['0x0', false] },
    ])
    expect([chainId, block.number]).to.deep.equal(['0x1', '0x0'])
    await asked.close()
  })

  it('sorts failures by what one can do about them', async () => {
    relay.faults.respond = () => ({ status: 429, body: '{}' })
    expect(await failureOfRequest()).to.equal('rate-limited')
    relay.faults.respond = () => ({ status: 502, body: '<html>' })
    expect(await failureOfRequest()).to.equal('unreachable')
    relay.faults.respond = () => ({ status: 200, body: '{"jsonrpc":' })
    expect(await failureOfRequest()).to.equal('malformed')
    relay.faults.respond = () => ({ status: 200, body: '[]' })
    expect(await failureOfRequest()).to.equal('malformed')
    relay.faults.respond = undefined
    relay.faults.cut = true
    expect(await failureOfRequest()).to.equal('unreachable')
  })

  it('gives up on a server that does not answer in time', async () => {
    relay.faults.delayMs = 2_000
    expect(await failureOfRequest({ timeoutMs: 100 })).to.equal('timeout')
  })

  it('refuses a response that is larger than allowed', async () => {
    expect(await failureOfRequest({ maxResponseBytes: 500 })).to.equal('range-too-large')
  })

  it('keeps access keys out of its errors', async () => {
    const secret = createRpcEndpoint({ url: `${relay.url}/v3/0123secret?key=456secret`, name: 'a#0' })
    relay.faults.cut = true
    const error = await secret.request('eth_chainId', []).catch((e: Error) => e)
    expect(`${(error as Error).message}`).to.not.contain('secret')
    await secret.close()
  })

  const dialects: [string, RpcFailure][] = [
    ['query returned more than 10000 results', 'range-too-large'],
    ['eth_getLogs is limited to a 10,000 range', 'range-too-large'],
    ['block range is too wide', 'range-too-large'],
    ['exceed maximum block range: 50000', 'range-too-large'],
    [
      'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range',
      'range-too-large',
    ],
    ['query exceeds max results 20000, retry with the range 1-2', 'range-too-large'],
    ['logs matched by query exceeds limit of 10000', 'range-too-large'],
    ['requested too many blocks from 0 to 16777216, maximum is set to 2048', 'range-too-large'],
    ['response is too large', 'range-too-large'],
    ['block range extends beyond current head block', 'not-found'],
    ['unknown block', 'not-found'],
    ['header not found', 'not-found'],
    ['missing trie node 12ab', 'not-found'],
    ['project ID request rate exceeded: too many requests', 'rate-limited'],
    ['the method eth_foo does not exist', 'refused'],
  ]
  for (const [message, failure] of dialects)
    it(`understands "${message}" as ${failure}`, () => {
      expect(failureOf({ code: -32000, message })).to.equal(failure)
    })

  describe('with several endpoints', () => {
    let second: RpcRelay
    let client: RpcClient

    beforeEach(async () => {
      second = await startRpcRelay(chain.url)
      client = createRpcClient({ urls: [relay.url, second.url], name: 'a' })
    })
    afterEach(async () => {
      await client.close()
      await second.stop()
    })

    it('asks the first, and the second while the first fails', async () => {
      await client.request('eth_chainId', [])
      expect([relay.calls.length, second.calls.length]).to.deep.equal([1, 0])
      relay.faults.cut = true
      for (let i = 0; i < 3; i++) await client.request('eth_chainId', [])
      expect(second.calls.length).to.equal(3)
      const [first, other] = client.health()
      expect(first).to.include({ lastFailure: 'unreachable' })
      // It is left alone for a quarter of a second; on a busy machine the three may take longer.
      expect(first!.failures).to.be.within(1, 2)
      expect(other).to.include({ healthy: true, failures: 0 })
    })

    it('asks a distrusted endpoint last, however well it answers', async () => {
      client.distrust('a#0')
      await client.request('eth_chainId', [])
      expect([relay.calls.length, second.calls.length]).to.deep.equal([0, 1])
      client.distrust('a#1')
      await client.request('eth_chainId', [])
      expect(relay.calls.length, 'of two distrusted ones, the one longest so').to.equal(1)
    })

    it('does not ask another one what the first refused as too large', async () => {
      relay.faults.refuse = () => ({ code: -32005, message: 'block range is too wide' })
      const error = await client.request('eth_getLogs', [{}]).catch((e: unknown) => e)
      expect(isRpcError(error, 'range-too-large')).to.equal(true)
      expect(second.calls.length).to.equal(0)
    })
  })
})
