import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import pino from 'pino'
import { createServer, type HttpServer, type ServerOptions } from '../../http/server.ts'
import { endSlowReaders } from '../../http/slow-readers.ts'
import { rawHttp } from '../support/raw-http.ts'

const MEGABYTE = 'x'.repeat(1024 * 1024)

describe('limits of an HTTP server', () => {
  let server: HttpServer
  let url: string

  async function start(options: Partial<ServerOptions> = {}): Promise<void> {
    const created = await createServer({
      name: 'test',
      description: 'A server of tests.',
      logger: pino({ level: 'silent' }),
      ...options,
    })
    server = created.server
    server.get('/v1/small', () => ({ small: true }))
    server.get('/v1/large', () => MEGABYTE)
    server.get('/v1/huge', () => MEGABYTE.repeat(24))
    server.post('/v1/echo', (request) => request.body)
    url = await server.listen({ host: '127.0.0.1', port: 0 })
  }
  afterEach(() => server.close())

  const send = (text: string, timeoutMs?: number) => rawHttp(url, Buffer.from(text, 'latin1'), timeoutMs)
  const codeOf = async (answer: Promise<{ status: number; text: string }>) => {
    const { status, text } = await answer
    return [status, JSON.parse(text).code]
  }
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket))
      socket.once('error', reject)
    })
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      socket.on('error', () => {})
      socket.once('close', () => resolve())
    })

  it('refuses headers and URLs past 16 KiB with 431, as a problem document', async () => {
    await start()
    for (const request of [
      `GET /v1/small HTTP/1.1\r\nhost: x\r\nlong: ${'x'.repeat(20_000)}\r\n\r\n`,
      `GET /v1/small?${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    ])
      expect(await codeOf(send(request))).to.deep.equal([431, 'HEADERS_TOO_LARGE'])
  })

  it('refuses what is no HTTP with 400, as a problem document', async () => {
    await start()
    for (const request of [
      '\u0016\u0003\u0001 hello\r\n\r\n',
      'GET\r\n\r\n',
      'FOO / HTTP/1.1\r\nhost: x\r\n\r\n',
    ])
      expect(await codeOf(send(request))).to.deep.equal([400, 'REQUEST_INVALID'])
  })

  it('refuses a body that is not UTF-8', async () => {
    await start()
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      const body = Buffer.concat([Buffer.from('{"name":"'), Buffer.from(bytes), Buffer.from('"}')])
      const response = await fetch(`${url}/v1/echo`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      expect([response.status, (await response.json()).code]).to.deep.equal([400, 'REQUEST_INVALID'])
    }
  })

  it('gives up a request that does not arrive in time, with 408', async () => {
    await start()
    server.server.headersTimeout = 200
    server.server.requestTimeout = 400
    const unfinished = [
      'GET /v1/small HTTP/1.1\r\nhost: x\r\n',
      'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
    ]
    for (const refusal of await Promise.all(unfinished.map((request) => codeOf(send(request, 9_000)))))
      expect(refusal).to.deep.equal([408, 'REQUEST_TIMED_OUT'])
  })

  it('ends a connection whose caller does not read, and holds little for it meanwhile', async () => {
    await start()
    const stop = endSlowReaders(server.server, { stallMs: 300, everyMs: 50 })
    const accepted = new Promise<Socket>((resolve) => server.server.once('connection', resolve))
    const socket = await open()
    const kept = await accepted
    const gone = new Promise((resolve) => kept.once('close', resolve))
    socket.pause()
    // Far more than the system takes; nobody reads it.
    socket.write('GET /v1/large HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(200))
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(kept.writableLength, 'later requests wait').to.be.lessThan(4 * MEGABYTE.length)
    await gone
    stop()
    socket.destroy()
  })

  it('does not end a connection that reads slowly, nor one that waits', async () => {
    await start()
    const stop = endSlowReaders(server.server, { stallMs: 300, everyMs: 50 })
    const idle = await open()
    const slow = await open()
    let read = 0
    slow.pause()
    slow.write('GET /v1/large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    const reading = setInterval(() => {
      read += (slow.read(64 * 1024) as Buffer | null)?.length ?? 0
    }, 40)
    await new Promise((resolve) => slow.once('end', resolve))
    clearInterval(reading)
    stop()
    expect(read).to.be.greaterThan(MEGABYTE.length)
    expect(idle.destroyed).to.equal(false)
    for (const socket of [idle, slow]) socket.destroy()
  })

  it('does not end a connection that takes a large answer slowly, but one that stops reading it', async () => {
    await start()
    const [stallMs, tookMs] = [1_000, 2_000]
    const stop = endSlowReaders(server.server, { stallMs, everyMs: 50 })
    const kept: Socket[] = []
    server.server.on('connection', (socket) => kept.push(socket))
    const began = performance.now()
    const [steady, stuck] = [await open(), await open()]
    for (const socket of [steady, stuck]) {
      socket.pause()
      socket.on('error', () => {})
    }
    const gone = closed(stuck)
    let read = 0
    steady.write('GET /v1/huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    stuck.write('GET /v1/huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    const reading = setInterval(() => {
      const due = ((performance.now() - began) / tookMs) * 24 * MEGABYTE.length
      if (read <= due) read += (steady.read() as Buffer | null)?.length ?? 0
    }, 2)
    await new Promise((resolve) => steady.once('close', resolve))
    clearInterval(reading)
    const took = performance.now() - began
    while (!kept[1]!.destroyed) await new Promise((resolve) => setTimeout(resolve, 20))
    stuck.resume()
    await gone
    stop()
    expect(took).to.be.greaterThan(stallMs)
    expect(read).to.be.greaterThan(24 * MEGABYTE.length)
    expect(stuck.bytesRead).to.be.lessThan(24 * MEGABYTE.length)
  })

  it('gives a new connection its time, however long the process has run', async () => {
    await start()
    const stop = endSlowReaders(server.server, { stallMs: performance.now() / 2, everyMs: 20 })
    const socket = await open()
    const gone = closed(socket)
    socket.pause()
    socket.write('GET /v1/huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.resume()
    await gone
    stop()
    expect(socket.bytesRead).to.be.greaterThan(24 * MEGABYTE.length)
  })

  it('knows addresses behind a proxy that it trusts, and only behind that', async () => {
    const ask = async (address: string) =>
      (await fetch(`${url}/v1/small`, { headers: { 'x-forwarded-for': address } })).status
    for (const [trustProxy, second] of [
      [['127.0.0.1'], 200],
      [['10.0.0.0/8'], 429],
      [[], 429],
    ] as const) {
      await start({ ratePerMinute: 1, trustProxy })
      expect([await ask('192.0.2.1'), await ask('192.0.2.2')]).to.deep.equal([200, second])
      expect(await ask('192.0.2.1')).to.equal(429)
      await server.close()
    }
  })

  it('closes connections past the number it may have', async () => {
    await start({ maxConnections: 2 })
    const kept = [await open(), await open()]
    await closed(await open())
    for (const socket of kept) expect(socket.destroyed).to.equal(false)
    for (const socket of kept) socket.destroy()
  })

  it('lets an address ask so often a minute, and says when to come back', async () => {
    await start({ ratePerMinute: 3 })
    for (const remaining of ['2', '1', '0']) {
      const { status, headers } = await fetch(`${url}/v1/small`)
      expect([status, headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).to.deep.equal([
        200,
        '3',
        remaining,
      ])
    }
    const refused = await fetch(`${url}/v1/small`)
    expect(refused.headers.get('content-type')).to.contain('application/problem+json')
    expect([refused.status, (await refused.json()).code]).to.deep.equal([429, 'RATE_LIMITED'])
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60)
    expect((await fetch(`${url}/healthz`)).status, 'health is answered all the same').to.equal(200)
  })

  it('limits nobody when the rate is 0', async () => {
    await start({ ratePerMinute: 0 })
    expect((await fetch(`${url}/v1/small`)).headers.get('ratelimit-limit')).to.equal(null)
  })

  it('lets pages of the origins named read answers, and no others', async () => {
    await start({ corsOrigins: ['https://explorer.example'] })
    const allowed = async (origin: string) =>
      (await fetch(`${url}/v1/small`, { headers: { origin } })).headers.get('access-control-allow-origin')
    expect(await allowed('https://explorer.example')).to.equal('https://explorer.example')
    expect(await allowed('https://other.example')).to.not.equal('https://other.example')
    expect(await allowed('null')).to.equal(null)
    await server.close()
    await start()
    expect(await allowed('https://explorer.example')).to.equal(null)
  })

  it('takes a request that expects what it does not know', async () => {
    await start()
    const { status } = await send('GET /v1/small HTTP/1.1\r\nhost: x\r\nexpect: miracles\r\n\r\n')
    expect(status).to.equal(200)
  })
})
