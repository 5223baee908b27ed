import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { Pool } from 'undici'
import {
  type AnsweringNode,
  answerWithFaults,
  type RpcRequest,
  type RpcResponse,
  type Upstream,
} from './fault-answers.ts'
import { failWhole, send, sendText, spoilBatch, statusOf } from './fault-http.ts'
import { type FaultName, type FaultPlan, faultDecisions, NO_FAULTS } from './fault-plan.ts'
import { serveSubscriptions } from './fault-subscription.ts'
import { acceptWebSocket } from './fault-websocket.ts'

export interface FaultProxyOptions {
  /** URL of the chain behind. */
  target: string
  plan?: FaultPlan
  /** Position of this endpoint in the plan. */
  endpoint?: number
  /** Whose answers `other-chain` gives. */
  otherChain?: string
  /** How long `time-out` holds a request before it cuts it. Longer than the client waits. Default 5,000. */
  holdMs?: number
  /** Every answer waits so long. */
  delayMs?: number
}

export interface SeenCall {
  method: string
  params: unknown[]
  /** `performance.now()` when it came in. */
  at: number
}

/** A JSON-RPC endpoint over HTTP and WebSocket, in front of a real chain, that fails as its plan says. */
export interface FaultProxy {
  readonly url: string
  readonly webSocketUrl: string
  /** What was asked, in order; the newest 100,000. */
  readonly calls: SeenCall[]
  /** Sockets that are subscribed at the moment. */
  readonly subscribers: ReadonlySet<unknown>
  /** How often each fault struck. */
  readonly struck: ReadonlyMap<FaultName, number>
  delayMs: number
  /** Step of the run: which of the planned faults are active. */
  setStep(step: number): void
  /** Every fault ends; the plan stays. */
  heal(): void
  /** Pass on to another chain from here on. */
  retarget(url: string): void
  /** Neither answers nor accepts anything, as a machine that is off; `true` turns it on again. */
  setPower(isOn: boolean): void
  stop(): Promise<void>
}

const MAX_CALLS = 100_000

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { plan = NO_FAULTS, endpoint = 0, holdMs = 5_000 } = options
  let step = 0
  let isHealed = false
  let isOn = true
  let delayMs = options.delayMs ?? 0
  let chain = chainBehind(options.target)
  const other = options.otherChain === undefined ? undefined : chainBehind(options.otherChain)
  const decisions = faultDecisions(plan, endpoint, () => (isHealed ? -1 : step))
  const calls: SeenCall[] = []
  const subscribers = new Set<unknown>()

  const note = (list: readonly RpcRequest[]) => {
    const at = performance.now()
    for (const { method, params } of list) calls.push({ method, params, at })
    if (calls.length > MAX_CALLS) calls.splice(0, calls.length - MAX_CALLS)
  }
  /** A whole request is answered by one node. */
  const nodeFor = (key: string): AnsweringNode => {
    if (other !== undefined && decisions.strikes('other-chain', key) !== undefined)
      return { ask: other.ask, lag: 0 }
    const isSticky = decisions.planned('old-head').some(({ sticky }) => sticky)
    const behind = decisions.strikes('old-head', isSticky ? '' : key)
    return { ask: chain.ask, lag: behind === undefined ? 0 : (behind.depth ?? 1) }
  }
  const answer = async (call: RpcRequest, node: AnsweringNode): Promise<RpcResponse> => ({
    jsonrpc: '2.0',
    ...(await answerWithFaults(call, decisions, node)),
    id: call.id,
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (!isOn) return void request.socket.destroy()
    const asked = JSON.parse(body) as RpcRequest | RpcRequest[]
    const list = Array.isArray(asked) ? asked : [asked]
    note(list)
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    const key = JSON.stringify(list.map(({ method, params }) => [method, params]))
    if (await failWhole(request, response, key, decisions, holdMs)) return
    if (Array.isArray(asked) && decisions.strikes('batch-refused', key) !== undefined)
      return send(response, 200, {
        jsonrpc: '2.0',
        id: null,
        error: { code: -32600, message: 'batch requests are not supported' },
      })
    const node = nodeFor(key)
    const answers = await Promise.all(list.map((call) => answer(call, node)))
    const text = JSON.stringify(Array.isArray(asked) ? spoilBatch(answers, key, decisions) : answers[0])
    if (decisions.strikes('half-body', key) !== undefined) {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      })
      response.write(text.slice(0, text.length >> 1), () => request.socket.destroy())
      return
    }
    sendText(response, Array.isArray(asked) ? 200 : statusOf(answers[0]!, decisions), text)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy())
  })
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => {})
    if (!isOn || decisions.strikes('subscription-refused', 'upgrade') !== undefined) {
      stream.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const socket = acceptWebSocket(request, stream, head)
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    serveSubscriptions({
      socket,
      chainUrl: chain.url,
      decisions,
      answer: (call) => answer(call, nodeFor(JSON.stringify([call.method, call.params]))),
      note,
      subscribers,
    })
  })
  const streams = new Set<Duplex>()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cutStreams = () => {
    for (const stream of streams) stream.destroy()
  }
  return {
    url: `http://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${port}`,
    calls,
    subscribers,
    struck: decisions.struck,
    get delayMs() {
      return delayMs
    },
    set delayMs(ms) {
      delayMs = ms
    },
    setStep(next) {
      step = next
    },
    heal() {
      isHealed = true
    },
    retarget(url) {
      const before = chain
      chain = chainBehind(url)
      cutStreams()
      void before.close()
    },
    setPower(on) {
      isOn = on
      if (on) return
      cutStreams()
      server.closeAllConnections()
    },
    async stop() {
      cutStreams()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Promise.all([chain.close(), other?.close()])
    },
  }
}

interface ChainBehind {
  url: string
  ask: Upstream
  close(): Promise<void>
}

function chainBehind(url: string): ChainBehind {
  const pool = new Pool(new URL(url).origin, { connections: 16 })
  return {
    url,
    async ask(method, params) {
      const { body } = await pool.request({
        path: '/',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      })
      return (await body.json()) as RpcResponse
    },
    close: () => pool.destroy(),
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
