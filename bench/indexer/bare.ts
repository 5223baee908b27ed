import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { parseAddressBook } from '../../protocol/address-book.ts'
import { toQuantity } from '../../protocol/quantity.ts'

/**
 * What an index costs at least: logs by range into a Map, lookups answered by node:http from it. It keeps nothing, proves nothing and
 * follows no reorganisation. Answers `/v1/status` and `/v1/results/{serial}/{provider}` as far as the benchmark asks.
 */
interface Kept {
  provider: string
  digest: string
  transactionHash: string
  block: { number: number; hash: string }
  logIndex: number
}

const BLOCKS_A_REQUEST = 2
const POLL_MS = 1

const book = parseAddressBook(JSON.parse(readFileSync(process.env.COUNTERSIGN_ADDRESS_BOOK!, 'utf8')))
const chain = book.chains[0]!
const address = chain.contracts.QueryResultRegistry!.address
const pool = new Pool(chain.rpcUrls[0]!)
const records = new Map<string, Kept>()
let next = 0
let head = { number: -1, hash: '' }

async function ask<T>(method: string, ...params: unknown[]): Promise<T> {
  const { body } = await pool.request({
    path: '/',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return (JSON.parse(await body.text()) as { result: T }).result
}

async function follow(): Promise<never> {
  for (;;) {
    const { number, hash } = await ask<{ number: string; hash: string }>(
      'eth_getBlockByNumber',
      'latest',
      false,
    )
    while (next <= Number(number)) {
      const last = Math.min(next + BLOCKS_A_REQUEST - 1, Number(number))
      await read(next, last)
      next = last + 1
    }
    head = { number: Number(number), hash }
    await sleep(POLL_MS)
  }
}

async function read(from: number, to: number): Promise<void> {
  const [fromBlock, toBlock] = [from, to].map(toQuantity)
  const logs = await ask<Record<string, string>[]>('eth_getLogs', { address, fromBlock, toBlock })
  for (const { topics, data, blockNumber, blockHash, transactionHash, logIndex } of logs)
    records.set(topics![1]!, {
      provider: `0x${topics![2]!.slice(26)}`,
      digest: data!,
      transactionHash: transactionHash!,
      block: { number: Number(blockNumber), hash: blockHash! },
      logIndex: Number(logIndex),
    })
}

const { serialToKey } = await import('../../protocol/serial.ts')

createServer((request, response) => {
  const [, , , serial, provider] = request.url!.split('/')
  const record = serial === undefined ? undefined : records.get(serialToKey(serial))
  const isFound = record !== undefined && record.provider === provider!.toLowerCase()
  response.statusCode = serial === undefined || isFound ? 200 : 404
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify(
      serial === undefined
        ? { chains: [{ state: 'following', standing: { block: head, completeness: 'complete' } }] }
        : { serial, records: isFound ? [record] : [] },
    ),
  )
}).listen(Number(process.env.INDEXER_PORT), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
void follow()
