import { Agent, request } from 'node:http'
import { toQuantity } from '../../protocol/quantity.ts'

/**
 * Reads the logs of all blocks with bare `eth_getLogs`, one request for two blocks (some two
 * megabytes) after the other, parses them, and ends.
 * Arguments: URL, number of the last block, addresses.
 */
const [url, head, ...address] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

const BLOCKS_A_REQUEST = 2

const ask = (fromBlock: string, toBlock: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request(
      url!,
      { agent, method: 'POST', headers: { 'content-type': 'application/json' } },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk) => chunks.push(chunk))
        answer.on('end', () => resolve(Buffer.concat(chunks).toString()))
      },
    )
    asked.on('error', reject)
    const params = [{ address, fromBlock, toBlock }]
    asked.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getLogs', params }))
  })

let logs = 0
for (let block = 0; block <= Number(head); block += BLOCKS_A_REQUEST) {
  const answer = JSON.parse(await ask(toQuantity(block), toQuantity(block + BLOCKS_A_REQUEST - 1))) as {
    result: unknown[]
  }
  logs += answer.result.length
}
agent.destroy()
process.stdout.write(String(logs))
