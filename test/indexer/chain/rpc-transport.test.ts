import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { isRpcError, type RpcFailure } from '../../../indexer/chain/rpc-error.ts'
import { createRpcTransport, type RpcTransport } from '../../../indexer/chain/rpc-transport.ts'
import { eventually } from '../../support/eventually.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void

describe('transport of JSON-RPC', () => {
  let server: Server
  let transport: RpcTransport
  let handle: Handler
  const open = new Set<Socket>()
  let connected = 0
  const received: string[] = []

  const url = (scheme = 'http', userInfo = '') =>
    `${scheme}://${userInfo}127.0.0.1:${(server.address() as AddressInfo).port}/v3/key?x=1`
  const create = (options: { url?: string; timeoutMs?: number; connections?: number } = {}) => {
    transport = createRpcTransport({
      url: url(),
      name: 'a#0',
      timeoutMs: 5_000,
      maxResponseBytes: 1_000_000,
      connections: 2,
      ...options,
    })
    return transport
  }
  const failureOf = async (posted: Promise<unknown>): Promise<RpcFailure | undefined> => {
    const error = await posted.catch((e: unknown) => e)
    return isRpcError(error) ? error.failure : undefined
  }
  const note = (socket: Socket) => {
    connected++
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => {})
  }

  beforeEach(async () => {
    connected = 0
    received.length = 0
    handle = (_request, response, body) => response.end(body)
    server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      received.push(body)
      handle(request, response, body)
    })
    server.on('connection', note)
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterEach(async () => {
    await transport.close()
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it('posts JSON to the whole path, with what the URL says of the caller in a header', async () => {
    handle = ({ method, url, headers }, response) =>
      response.end(JSON.stringify([method, url, headers['content-type'], headers.authorization]))
    const { status, json } = await create({ url: url('http', 'me:p%40ss@') }).post('{"é":1}')
    expect(status).to.equal(200)
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`
    expect(json).to.deep.equal(['POST', '/v3/key?x=1', 'application/json', authorization])
    expect(received).to.deep.equal(['{"é":1}'])
  })

  it('uses a connection again, and for one request at a time', async () => {
    create()
    for (let i = 0; i < 20; i++) expect((await transport.post(`[${i}]`)).json).to.deep.equal([i])
    expect(connected).to.equal(1)
  })

  it('makes no more connections than it may; further requests wait', async () => {
    let atOnce = 0
    let most = 0
    handle = async (_request, response, body) => {
      most = Math.max(most, ++atOnce)
      await sleep(10)
      atOnce--
      response.end(body)
    }
    create()
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => transport.post(`${i}`)))
    expect(answers.map(({ json }) => json)).to.deep.equal(Array.from({ length: 12 }, (_, i) => i))
    expect([most, connected]).to.deep.equal([2, 2])
  })

  it('keeps answers apart that arrive in turns', async () => {
    const large = (text: string) => `"${text.repeat(300_000)}"`
    handle = async (_request, response, body) => {
      const text = large(body)
      for (let i = 0; i < text.length; i += 50_000) {
        response.write(text.slice(i, i + 50_000))
        await sleep(1)
      }
      response.end()
    }
    create()
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((text) => transport.post(text)))
    for (const [i, { json }] of answers.entries())
      expect(json === JSON.parse(large('abcd'[i]!)), `answer ${i}`).to.equal(true)
  })

  it('connects anew when the server closed an idle connection', async () => {
    create()
    await transport.post('1')
    for (const socket of open) socket.destroy()
    await eventually('it is closed', () => open.size === 0)
    await sleep(20)
    expect((await transport.post('2')).json).to.equal(2)
    expect(connected).to.equal(2)
  })

  it('gives up what trickles, by one clock for the whole exchange, and its connection', async () => {
    handle = async (_request, response) => {
      for (let i = 0; i < 100 && !response.destroyed; i++) {
        response.write(' ')
        await sleep(20)
      }
    }
    const from = performance.now()
    expect(await failureOf(create({ timeoutMs: 150 }).post('1'))).to.equal('timeout')
    // All that trickles would take two seconds.
    expect(performance.now() - from).to.be.within(140, 1_900)
    await eventually('the connection is closed', () => open.size === 0)
  })

  it('gives up in time what only waited for others, and never sends it', async function () {
    // On a busy machine the deadlines lie milliseconds apart, and the second is rightly sent in between.
    this.retries(9)
    received.length = 0
    handle = () => {}
    create({ timeoutMs: 150, connections: 1 })
    const from = performance.now()
    const failures = await Promise.all([1, 2, 3].map((n) => failureOf(transport.post(`${n}`))))
    expect(failures).to.deep.equal(['timeout', 'timeout', 'timeout'])
    expect(performance.now() - from).to.be.below(1_000)
    handle = (_request, response, body) => response.end(body)
    expect((await transport.post('4')).json).to.equal(4)
    expect(received).to.deep.equal(['1', '4'])
  })

  it('ends the connection of an answer that is too large, and goes on with another', async () => {
    handle = (_request, response, body) => response.end(`"${'x'.repeat(Number(body))}"`)
    create({ connections: 1 })
    expect(await failureOf(transport.post('5000000'))).to.equal('range-too-large')
    expect(await failureOf(transport.post('200', 100))).to.equal('range-too-large')
    expect((await transport.post('3')).json).to.equal('xxx')
    await eventually('only the last is open', () => open.size === 1)
  })

  const broken: [string, string][] = [
    ['ends within the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"jsonrpc"'],
    ['ends within a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{"jsonrpc"'],
    ['ends within the headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['is empty', ''],
    ['is no HTTP', 'what is this?\r\n\r\n'],
    [
      'changes to another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    ],
    ['has endless headers', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`],
  ]
  for (const [what, answer] of broken)
    it(`takes an endpoint for unreachable whose answer ${what}`, async () => {
      handle = ({ socket }) => socket.end(answer)
      expect(await failureOf(create().post('1'))).to.equal('unreachable')
      await eventually('the connection is closed', () => open.size === 0)
    })

  it('takes an endpoint for unreachable that nobody listens at', async () => {
    const error = await create({ url: 'http://127.0.0.1:1' })
      .post('1')
      .catch((e: Error) => e)
    expect((error as Error).message).to.equal('a#0: ECONNREFUSED')
  })

  it('reads an answer that came before the question was read, and goes on', async () => {
    server.removeAllListeners('request')
    server.on('request', (_request, response: ServerResponse) => response.writeHead(413).end('{}'))
    create({ connections: 1 })
    const large = JSON.stringify('x'.repeat(20_000_000))
    for (let i = 0; i < 3; i++) {
      const answer = await transport.post(large).catch((e: unknown) => e)
      // Whether the answer or the reset is seen first is the system's choice.
      if (!isRpcError(answer, 'unreachable')) expect(answer).to.deep.equal({ status: 413, json: {} })
    }
  })

  it('asks by TLS where the URL says so', async () => {
    const first = new Promise<number>((resolve) => {
      server.removeAllListeners('connection')
      server.on('connection', (socket: Socket) => {
        note(socket)
        socket.once('data', ([type]) => {
          resolve(type!)
          socket.destroy()
        })
      })
    })
    expect(await failureOf(create({ url: url('https') }).post('1'))).to.equal('unreachable')
    expect(await first, 'a handshake').to.equal(22)
  })

  it('ends what is under way when it is closed, and leaves no connection behind', async () => {
    create()
    await transport.post('1')
    handle = () => {}
    const failures = Promise.all([1, 2, 3, 4].map((n) => failureOf(transport.post(`${n}`))))
    await eventually('two are sent', () => received.length === 3)
    await transport.close()
    expect(await failures).to.deep.equal(Array(4).fill('unreachable'))
    await eventually('all connections are closed', () => open.size === 0)
    await sleep(50)
    expect([open.size, received.length]).to.deep.equal([0, 3])
    expect(await failureOf(transport.post('5'))).to.equal('unreachable')
  })
})
