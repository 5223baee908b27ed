import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { createWakeUp, type WakeUp, type WakeUpKind, webSocketUrlOf } from '../../../indexer/chain/wake-up.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { eventually } from '../../support/eventually.ts'
import { acceptWebSocket, type ServerSocket } from '../../support/fault-websocket.ts'

const HASH = `0x${'ab'.repeat(32)}`
const LONG_MS = 60_000

/** A node that only announces, what and when a test says. */
async function startAnnouncer() {
  const sockets: ServerSocket[] = []
  let isRefusing = false
  let refused = 0
  const server = createServer((_, response) => response.writeHead(404).end())
  server.on('upgrade', (request, stream, head) => {
    if (isRefusing) {
      refused++
      return void stream.destroy()
    }
    const socket = acceptWebSocket(request, stream, head)
    socket.onMessage = (text) => {
      const { id } = JSON.parse(text)
      sockets.push(socket)
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: '0x1' }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    refused: () => refused,
    refuse(refusing: boolean) {
      isRefusing = refusing
    },
    send: (text: string) => sockets.at(-1)!.send(text),
    announce(number: number) {
      const result = { number: `0x${number.toString(16)}`, hash: HASH, parentHash: HASH }
      this.send(
        JSON.stringify({
          jsonrpc: '2.0',
          method: 'eth_subscription',
          params: { subscription: '0x1', result },
        }),
      )
    },
    async stop() {
      for (const socket of sockets) socket.cut()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('wake-up', () => {
  const { signal } = new AbortController()
  let announcer: Awaited<ReturnType<typeof startAnnouncer>>
  let wakeUp: WakeUp
  const changes: WakeUpKind[] = []

  const start = async (pollMs = LONG_MS) => {
    changes.length = 0
    wakeUp = createWakeUp({ pollMs, webSocketUrls: [announcer.url], onChange: (kind) => changes.push(kind) })
    await untilUp()
  }
  // That it is up is itself a reason to look.
  const untilUp = async () => {
    while (wakeUp.kind !== 'websocket') await wakeUp.wait(signal)
  }

  beforeEach(async () => {
    announcer = await startAnnouncer()
  })
  afterEach(async () => {
    wakeUp.close()
    await announcer.stop()
  })

  it('wakes when a head is announced, and hands on which', async () => {
    await start()
    const woken = wakeUp.wait(signal)
    announcer.announce(7)
    await woken
    expect(wakeUp.takeHints()).to.deep.equal([{ number: 7, hash: HASH, parentHash: HASH }])
    expect(wakeUp.takeHints()).to.deep.equal([])
  })

  it('asks nobody to announce heads before it is waited for', async () => {
    wakeUp = createWakeUp({ pollMs: 10, webSocketUrls: [announcer.url] })
    wakeUp.noteHead(1)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect([wakeUp.kind, announcer.sockets.length]).to.deep.equal(['polling', 0])
    await untilUp()
    expect(announcer.sockets.length).to.equal(1)
  })

  it('makes no connection that it is closed before', async () => {
    wakeUp = createWakeUp({ pollMs: 10, webSocketUrls: [announcer.url] })
    await wakeUp.wait(signal)
    wakeUp.close()
    await wakeUp.wait(signal)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(announcer.sockets.length).to.equal(0)
  })

  it('does not lose what is announced while nobody waits', async () => {
    await start()
    announcer.announce(7)
    await eventually('it came', () => wakeUp.takeHints().length === 1)
    await wakeUp.wait(signal)
  })

  it('keeps no more announcements than it takes to catch up', async () => {
    await start()
    for (let number = 1; number <= 200; number++) announcer.announce(number)
    const hints: number[] = []
    await eventually('the last one came', () => {
      hints.splice(0, hints.length, ...wakeUp.takeHints().map(({ number }) => number))
      return hints.includes(200)
    })
    expect(hints.length).to.be.at.most(64)
  })

  it('polls while connections are refused, and listens once they are not', async () => {
    announcer.refuse(true)
    wakeUp = createWakeUp({ pollMs: 20, webSocketUrls: [announcer.url] })
    while (announcer.refused() === 0) await wakeUp.wait(signal)
    expect(wakeUp.kind).to.equal('polling')
    announcer.refuse(false)
    await eventually('the socket is up', () => wakeUp.kind === 'websocket')
  })

  it('says at once that the connection was cut, and makes another', async () => {
    await start()
    const woken = wakeUp.wait(signal)
    announcer.sockets[0]!.cut()
    await woken
    expect(wakeUp.kind).to.equal('polling')
    await eventually('the socket is up again', () => wakeUp.kind === 'websocket')
    expect(changes).to.deep.equal(['websocket', 'polling', 'websocket'])
  })

  it('takes a connection for dead that keeps silent about heads', async () => {
    await start()
    wakeUp.noteHead(10)
    wakeUp.noteHead(11)
    expect(wakeUp.kind, 'it may be about to announce it').to.equal('websocket')
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    wakeUp.noteHead(11)
    expect(wakeUp.kind).to.equal('polling')
    await eventually('another connection is up', () => announcer.sockets.length === 2)
  })

  it('trusts a connection whose announcements only come late', async () => {
    await start()
    wakeUp.noteHead(10)
    wakeUp.noteHead(11)
    announcer.announce(11)
    await wakeUp.wait(signal)
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    wakeUp.noteHead(11)
    expect(wakeUp.kind).to.equal('websocket')
  })

  it('looks from time to time though nothing is announced', async () => {
    await start(10)
    const from = performance.now()
    await wakeUp.wait(signal)
    expect(performance.now() - from).to.be.within(900, 3_000)
  })

  for (const [what, text] of [
    ['is not JSON', '{"jsonrpc":'],
    ['is no object', '7'],
    ['names no block', '{"params":{"subscription":"0x1","result":null}}'],
    ['has a hash that is none', '{"params":{"subscription":"0x1","result":{"number":"0x1","hash":"0x2"}}}'],
    [
      'is of another subscription',
      `{"params":{"subscription":"0x2","result":{"number":"0x1","hash":"${HASH}"}}}`,
    ],
  ] as const)
    it(`passes over a message that ${what}`, async () => {
      await start()
      announcer.send(text)
      announcer.announce(3)
      await wakeUp.wait(signal)
      expect(wakeUp.takeHints().map(({ number }) => number)).to.deep.equal([3])
    })

  it('ends a connection that sends more than a header', async () => {
    await start()
    announcer.send(`"${'x'.repeat(300_000)}"`)
    await eventually('it is cut', () => changes.includes('polling'))
  })

  describe('on a real chain', () => {
    let chain: AnvilChain
    before(async () => {
      chain = await startAnvil()
    })
    after(() => chain.kill())

    it("subscribes at the endpoint's own address", async () => {
      wakeUp = createWakeUp({ pollMs: LONG_MS, webSocketUrls: [webSocketUrlOf(chain.url)] })
      await untilUp()
      await chain.request('evm_mine')
      await wakeUp.wait(signal)
      const head = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
      expect(wakeUp.takeHints().map(({ hash }) => hash)).to.deep.equal([head.hash])
    })
  })

  it('takes wss for https', () => {
    wakeUp = createWakeUp({ pollMs: 10, webSocketUrls: [] })
    expect(webSocketUrlOf('https://node.example/v3/key')).to.equal('wss://node.example/v3/key')
    expect(webSocketUrlOf('http://node.example:8545')).to.equal('ws://node.example:8545/')
  })
})
