import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { readLogRanges } from '../../../indexer/chain/log-source.ts'
import { RequestBudget } from '../../../indexer/chain/request-budget.ts'
import { createRpcClient } from '../../../indexer/chain/rpc-client.ts'
import { adviceOf, failureOf, retryAfterMs } from '../../../indexer/chain/rpc-dialects.ts'
import { createRpcEndpoint } from '../../../indexer/chain/rpc-endpoint.ts'
import { isRpcError, type RpcAdvice } from '../../../indexer/chain/rpc-error.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'

interface Call {
  id: unknown
  method: string
  params: { fromBlock?: string; toBlock?: string }[]
}

interface Answer {
  status?: number
  headers?: Record<string, string>
  body: unknown
}

/** Passes on to a real chain what `refuse` does not answer in its place. */
async function startLimitedNode(chainUrl: string, refuse: (asked: Call | Call[]) => Answer | undefined) {
  const requests: (Call | Call[])[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const asked = JSON.parse(body)
    requests.push(asked)
    const refusal = refuse(asked)
    if (refusal !== undefined)
      return void response.writeHead(refusal.status ?? 200, refusal.headers).end(JSON.stringify(refusal.body))
    const headers = { 'content-type': 'application/json' }
    const passed = await fetch(chainUrl, { method: 'POST', headers, body })
    response.end(await passed.text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const error = (message: string, data?: unknown) => ({
  jsonrpc: '2.0',
  id: null,
  error: { code: -32000, message, ...(data === undefined ? {} : { data }) },
})

describe('limits of endpoints', () => {
  let chain: AnvilChain
  const started: { stop?(): Promise<void>; close?(): Promise<void> }[] = []
  const keep = <Part extends (typeof started)[number]>(part: Part): Part => {
    started.push(part)
    return part
  }

  before(async () => {
    chain = await startAnvil()
    await chain.request('anvil_mine', ['0x12c'])
  })
  after(() => chain.kill())
  afterEach(async () => {
    for (const part of started.splice(0)) await (part.close ?? part.stop)!()
  })

  describe('what an error says would have been right', () => {
    const dialects: [string, RpcAdvice][] = [
      ['eth_getLogs is limited to a 10,000 range', { maxBlocks: 10_000 }],
      [
        'eth_getLogs is limited to 1024 block range. Please check the parameter requirements',
        { maxBlocks: 1_024 },
      ],
      ['block range is limited to 10 blocks', { maxBlocks: 10 }],
      ['exceed maximum block range: 5000', { maxBlocks: 5_000 }],
      ['query exceeds max block range 100000', { maxBlocks: 100_000 }],
      ['requested too many blocks from 0 to 16777216, maximum is set to 2048', { maxBlocks: 2_048 }],
      ['range 25887126 - 25897126 exceeds limit of 10000', { maxBlocks: 10_000 }],
      ['range 9009594 is bigger than range limit 2000', { maxBlocks: 2_000 }],
      ['block range too large (2000), maximum allowed is 1000 blocks', { maxBlocks: 1_000 }],
      ['eth_getLogs range is too large, max is 1k blocks', { maxBlocks: 1_000 }],
      ['ranges over 10000 blocks are not supported on freetier', { maxBlocks: 10_000 }],
      ['You can make eth_getLogs requests with up to a 500 block range.', { maxBlocks: 500 }],
      ['block span 5001 exceeds the limit 5000', { maxBlocks: 5_000 }],
      ['block range is too wide', { isBlockLimit: true }],
      ['requested range too large', { isBlockLimit: true }],
      ['query returned more than 10000 results', { maxLogs: 10_000 }],
      [
        'Query returned more than 20000 results. Try with this block range [0x7dfd25, 0x7e0fcc].',
        { maxLogs: 20_000, toBlock: 0x7e0fcc },
      ],
      [
        'query exceeds max results 20000, retry with the range 6000000-6000509',
        { maxLogs: 20_000, toBlock: 6_000_509 },
      ],
      [
        'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size. Based on your parameters and the response size limit, this block range should work: [0x0, 0x87fe9]',
        { toBlock: 0x87fe9 },
      ],
      ['response is too large', {}],
    ]
    for (const [message, advice] of dialects)
      it(`reads "${message.slice(0, 90)}"`, () => {
        const raw = { code: -32602, message }
        expect(failureOf(raw)).to.equal('range-too-large')
        expect(adviceOf(raw, 'range-too-large')).to.deep.equal(advice)
      })

    it('reads what stands in the data only', () => {
      const raw = {
        code: -32602,
        message: 'invalid params',
        data: { payload: 'range 9009 is bigger than range limit 2000' },
      }
      expect(failureOf(raw)).to.equal('range-too-large')
      expect(adviceOf(raw, 'range-too-large')).to.deep.equal({ maxBlocks: 2_000 })
      const structured = {
        code: -32005,
        message: 'query returned more than 10000 results',
        data: { to: '0x10' },
      }
      expect(adviceOf(structured, 'range-too-large')).to.deep.equal({ maxLogs: 10_000, toBlock: 16 })
    })

    const batches: [string, RpcAdvice][] = [
      ['batch limit 100 exceeded: 142 requests given', { maxBatch: 100 }],
      ['Batch of more than 3 requests are not allowed on free tier', { maxBatch: 3 }],
      ['batch too large', {}],
      ['Batched requests are not supported by this server', { maxBatch: 1 }],
      ['Number of requests in batch exceeds --rpc-max-batch-size', {}],
    ]
    for (const [message, advice] of batches)
      it(`reads "${message}"`, () => {
        expect(failureOf({ message })).to.equal('batch-too-large')
        expect(adviceOf({ message }, 'batch-too-large')).to.deep.equal(advice)
      })

    it('reads how long to wait, and waits no longer than minutes', () => {
      expect(retryAfterMs('3')).to.equal(3_000)
      expect(retryAfterMs('86400')).to.equal(300_000)
      expect(retryAfterMs(new Date(Date.now() + 10_000).toUTCString())).to.be.within(8_000, 10_000)
      expect(retryAfterMs('soon')).to.equal(undefined)
      const raw = {
        code: -32005,
        message: 'project ID request rate exceeded',
        data: { rate: { backoff_seconds: 30 } },
      }
      expect(adviceOf(raw, failureOf(raw))).to.deep.equal({ retryAfterMs: 30_000 })
    })
  })

  describe('of ranges', () => {
    const HEAD = 300
    async function readAll(refuse: (blocks: number, from: number) => string | undefined) {
      let refusals = 0
      const node = keep(
        await startLimitedNode(chain.url, (asked) => {
          const call = [asked].flat().find(({ method }) => method === 'eth_getLogs')
          const { fromBlock, toBlock } = call?.params[0] ?? {}
          const message = refuse(Number(toBlock) - Number(fromBlock) + 1, Number(fromBlock))
          if (message === undefined) return undefined
          refusals++
          return { body: [asked].flat().map(({ id }) => ({ ...error(message), id })) }
        }),
      )
      const rpc = keep(createRpcClient({ urls: [node.url], name: 'a' }))
      const read = async () => {
        const covered: number[] = []
        const filter = { address: [`0x${'11'.repeat(20)}`], topics: [] }
        for await (const { from, to } of readLogRanges({ rpc, filter, from: 0, to: HEAD }))
          for (let block = from; block <= to; block++) covered.push(block)
        expect(covered).to.deep.equal(Array.from({ length: HEAD + 1 }, (_, block) => block))
        return refusals
      }
      return { read, rpc }
    }

    it('are learnt from one refusal that names them', async () => {
      const { read, rpc } = await readAll((blocks) =>
        blocks > 20 ? 'exceed maximum block range: 20' : undefined,
      )
      // What was under way meanwhile may be refused with it.
      expect(await read()).to.be.within(1, 2)
      expect(rpc.limits().blocks.value).to.equal(20)
      const before = await read()
      expect(await read(), 'it is not met a second time').to.equal(before)
    })

    it('are found by splitting where no number is given', async () => {
      const { read } = await readAll((blocks) => (blocks > 23 ? 'block range is too wide' : undefined))
      const first = await read()
      expect(first).to.be.within(1, 6)
      expect(await read(), 'it is not met a second time').to.equal(first)
    })

    it('are found where the refusal says nothing at all', async () => {
      const { read } = await readAll((blocks) => (blocks > 23 ? 'response is too large' : undefined))
      const first = await read()
      expect(await read(), 'it is not met a second time').to.equal(first)
    })

    it('follow the range that the endpoint suggests', async () => {
      const { read } = await readAll((blocks, from) =>
        blocks > 50
          ? `Query returned more than 10000 results. Try with this block range [0x${from.toString(16)}, 0x${(from + 4).toString(16)}].`
          : undefined,
      )
      expect(await read()).to.be.at.least(1)
    })

    it('halve a range whose suggestion is the range itself', async () => {
      const { read } = await readAll((blocks, from) =>
        blocks > 9
          ? `query exceeds max results 20000, retry with the range ${from}-${from + blocks - 1}`
          : undefined,
      )
      expect(await read()).to.be.at.least(1)
    })

    it('are given up at a single block that is refused', async () => {
      const { read } = await readAll(() => 'response is too large')
      const failure = await read().catch((e: unknown) => e)
      expect(isRpcError(failure, 'range-too-large')).to.equal(true)
    })
  })

  describe('of batches', () => {
    const calls = Array.from({ length: 10 }, (_, i) => ({
      method: 'eth_getBlockByNumber',
      params: [`0x${i.toString(16)}`, false],
    }))
    const expectBlocks = (blocks: { number: string }[]) =>
      expect(blocks.map(({ number }) => Number(number))).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

    const nodes: Record<string, { refuse: (calls: Call[]) => Answer | undefined; requestsAfter: number }> = {
      'that names its limit': {
        refuse: (asked) => (asked.length > 3 ? { body: error('batch limit 3 exceeded') } : undefined),
        requestsAfter: 4,
      },
      'that names none': {
        refuse: (asked) => (asked.length > 5 ? { body: error('batch too large') } : undefined),
        requestsAfter: 2,
      },
      'that refuses in an element': {
        refuse: (asked) =>
          asked.length > 5
            ? { body: asked.map(({ id }) => ({ ...error('batch too large'), id })) }
            : undefined,
        requestsAfter: 2,
      },
      'that takes no batch': {
        refuse: () => ({ body: error('Batched requests are not supported by this server') }),
        requestsAfter: 10,
      },
      'that answers batches with a bare HTTP status': {
        refuse: () => ({ status: 400, body: 'what is this' }),
        requestsAfter: 10,
      },
      'that answers batches as an invalid request': {
        refuse: () => ({ body: error('Invalid Request') }),
        requestsAfter: 10,
      },
    }
    for (const [which, { refuse, requestsAfter }] of Object.entries(nodes))
      it(`are learnt from a node ${which}`, async () => {
        const node = keep(
          await startLimitedNode(chain.url, (asked) => (Array.isArray(asked) ? refuse(asked) : undefined)),
        )
        const endpoint = keep(createRpcEndpoint({ url: node.url, name: 'a#0' }))
        expectBlocks(await endpoint.batch<{ number: string }[]>(calls))
        const before = node.requests.length
        expectBlocks(await endpoint.batch<{ number: string }[]>(calls))
        expect(node.requests.length - before, 'it is not met a second time').to.equal(requestsAfter)
      })

    it('are not believed in when single calls are refused as well', async () => {
      let isRefusing = true
      const node = keep(
        await startLimitedNode(chain.url, () => (isRefusing ? { body: error('access denied') } : undefined)),
      )
      const endpoint = keep(createRpcEndpoint({ url: node.url, name: 'a#0' }))
      const failure = await endpoint.batch(calls).catch((e: unknown) => e)
      expect(isRpcError(failure, 'refused')).to.equal(true)
      isRefusing = false
      const before = node.requests.length
      expectBlocks(await endpoint.batch<{ number: string }[]>(calls))
      expect(node.requests.length - before).to.equal(1)
    })
  })

  describe('of rate', () => {
    it('are kept, every call of a batch counted', async () => {
      const node = keep(await startLimitedNode(chain.url, () => undefined))
      const endpoint = keep(createRpcEndpoint({ url: node.url, name: 'a#0', requestsPerSecond: 50 }))
      const from = performance.now()
      for (let i = 0; i < 5; i++)
        await endpoint.batch(Array.from({ length: 10 }, () => ({ method: 'eth_chainId', params: [] })))
      // 50 calls, of which a quarter of a second's may leave at once.
      expect(performance.now() - from).to.be.within(650, 10_000)
    })

    it('let a low rate through, one call at a time', async () => {
      const budget = new RequestBudget(1, 5_000)
      const from = performance.now()
      await budget.take(1)
      // Without waiting for the second that one takes.
      expect(performance.now() - from).to.be.below(900)
      expect(await budget.take(10), 'it is not waited for longer than a request may take').to.equal(false)
    })

    it('are waited out as long as the endpoint says', async () => {
      let isLimited = true
      const node = keep(
        await startLimitedNode(chain.url, () =>
          isLimited ? { status: 429, headers: { 'retry-after': '1' }, body: {} } : undefined,
        ),
      )
      const client = keep(createRpcClient({ urls: [node.url], name: 'a' }))
      const attempt = () => client.request('eth_chainId', []).catch((e: unknown) => e)
      expect(isRpcError(await attempt(), 'rate-limited')).to.equal(true)
      isLimited = false
      expect(isRpcError(await attempt(), 'rate-limited'), 'too early').to.equal(true)
      expect(node.requests.length, 'it is left alone').to.equal(1)
      expect(client.health()[0]).to.include({ healthy: false, aside: 'rate-limited' })
      await new Promise((resolve) => setTimeout(resolve, 1_050))
      expect(await attempt()).to.equal('0x7a69')
    })
  })
})
