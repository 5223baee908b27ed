import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RelayedCall {
  id: unknown
  method: string
  params: unknown[]
}

/** What the relay does to traffic; change it at any time. All off: it only passes on. */
export interface RelayFaults {
  /** Logs for which this holds are left out of every `eth_getLogs` answer. */
  dropLog?: ((log: Record<string, string>) => boolean) | undefined
  /** Changes the result of a call, after `dropLog`. */
  alter?: ((call: RelayedCall, result: unknown) => unknown) | undefined
  /** Answers a call in the chain's place with this error object, unless it returns undefined. */
  refuse?: ((call: RelayedCall) => { code: number; message: string } | undefined) | undefined
  /** Answers the whole request with this HTTP status and body, unless it returns undefined. */
  respond?: (() => { status: number; body: string } | undefined) | undefined
  /** Waits so long before each answer. */
  delayMs?: number | undefined
  /** Waits for this before the answer to these calls. */
  holdFor?: ((calls: readonly RelayedCall[]) => Promise<void> | undefined) | undefined
  /** Cuts the connection without an answer. */
  cut?: boolean | undefined
}

export interface RpcRelay {
  readonly url: string
  readonly faults: RelayFaults
  /** Methods asked since the start, in order. */
  readonly calls: RelayedCall[]
  /** Pass on to another chain from here on. */
  retarget(url: string): void
  /** Ends every connection, as a node does that is restarted. */
  disconnect(): void
  stop(): Promise<void>
}

/** A JSON-RPC server that passes everything on to a real chain and fails in the ways it is told to. */
export async function startRpcRelay(targetUrl: string, faults: RelayFaults = {}): Promise<RpcRelay> {
  let target = targetUrl
  const calls: RelayedCall[] = []

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (faults.cut) return void request.socket.destroy()
    const canned = faults.respond?.()
    if (faults.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, faults.delayMs))
    if (canned !== undefined) return send(response, canned.status, canned.body)
    const asked = JSON.parse(body) as RelayedCall | RelayedCall[]
    const list = Array.isArray(asked) ? asked : [asked]
    calls.push(...list)
    await faults.holdFor?.(list)
    const answers = await Promise.all(list.map(answer))
    send(response, 200, JSON.stringify(Array.isArray(asked) ? answers : answers[0]))
  }

  async function answer(call: RelayedCall): Promise<object> {
    const error = faults.refuse?.(call)
    if (error !== undefined) return { jsonrpc: '2.0', id: call.id, error }
    const upstream = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...call }),
    })
    const passed = (await upstream.json()) as { result?: unknown }
    if (call.method === 'eth_getLogs' && Array.isArray(passed.result) && faults.dropLog !== undefined)
      passed.result = passed.result.filter((log) => !faults.dropLog!(log))
    if (faults.alter !== undefined && 'result' in passed) passed.result = faults.alter(call, passed.result)
    return passed
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    calls,
    retarget(url) {
      target = url
    },
    disconnect: () => server.closeAllConnections(),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body)
}
