import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toQuantity } from '../../protocol/quantity.ts'
import { jsonRpc } from './json-rpc.ts'

interface Call {
  id: unknown
  method: string
  params: unknown[]
}

type Log = { blockNumber: string; logIndex: string }

/** A node in front of a chain that stands still: change what it says of it at any time. */
export interface OmittingRelay {
  readonly url: string
  /** The newest block that it has. */
  head: number
  /** Logs that it leaves out, as `block:logIndex`. */
  dropped: ReadonlySet<string>
  /** It has the state of so many of the newest blocks. */
  stateBlocks: number
  stop(): Promise<void>
}

/**
 * Answers with what the chain answered, each question asked of it but once. The chain must not change any more.
 */
export async function startOmittingRelay(chainUrl: string, cache = new Map<string, Promise<unknown>>()) {
  const upstream = <T>(method: string, params: unknown[]): Promise<T> => {
    const key = JSON.stringify([method, params])
    let answer = cache.get(key)
    if (answer === undefined) {
      answer = jsonRpc(chainUrl, method, params)
      cache.set(key, answer)
    }
    return answer as Promise<T>
  }
  const numberOf = async (block: unknown): Promise<number> => {
    if (block === 'latest') return relay.head
    if (typeof block === 'string') return Number(block)
    const { blockHash } = block as { blockHash: string }
    const found = await upstream<{ number: string } | null>('eth_getBlockByHash', [blockHash, false])
    return found === null ? Number.POSITIVE_INFINITY : Number(found.number)
  }
  const error = (message: string) => ({ error: { code: -32000, message } })

  async function answer({ method, params }: Call): Promise<object> {
    if (method === 'eth_blockNumber') return { result: toQuantity(relay.head) }
    if (method === 'eth_getBlockByNumber' || method === 'eth_getBlockByHash') {
      const tag = params[0] === 'latest' ? toQuantity(relay.head) : params[0]
      const block = await upstream<{ number: string } | null>(method, [tag, params[1]])
      return { result: block !== null && Number(block.number) > relay.head ? null : block }
    }
    if (method === 'eth_call' || method === 'eth_getProof') {
      const number = await numberOf(params.at(-1))
      if (number > relay.head) return error('header not found')
      if (number <= relay.head - relay.stateBlocks) return error('missing trie node 1234')
    }
    const result = await upstream(method, params)
    if (method !== 'eth_getLogs') return { result }
    const isDropped = ({ blockNumber, logIndex }: Log) =>
      relay.dropped.has(`${Number(blockNumber)}:${Number(logIndex)}`)
    return { result: (result as Log[]).filter((log) => !isDropped(log)) }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', async () => {
      const asked = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Call | Call[]
      const one = async (call: Call) => ({ jsonrpc: '2.0', id: call.id, ...(await answer(call)) })
      try {
        const body = Array.isArray(asked) ? await Promise.all(asked.map(one)) : await one(asked)
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      } catch {
        response.destroy()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const relay: OmittingRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    head: 0,
    dropped: new Set(),
    stateBlocks: Number.POSITIVE_INFINITY,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return relay
}
