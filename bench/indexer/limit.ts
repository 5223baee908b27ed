import { Pool } from 'undici'
import type { FilledChain } from './chain.ts'

/** Blocks whose logs one request asks for: about two megabytes of JSON, as much as an indexer would ask for. */
const BLOCKS_A_REQUEST = 1

/**
 * The LIMIT that a backfill is measured against: seconds that bare `eth_getLogs` over all blocks takes, one request after
 * the other, with `JSON.parse` and nothing else. The best of `rounds`.
 */
export async function measureLimit({ chain, contracts, head }: FilledChain, rounds = 3): Promise<number> {
  const pool = new Pool(chain.url, { connections: 1 })
  const address = [contracts.QueryResultRegistry, contracts.ParticipantDirectory]
  let best = Number.POSITIVE_INFINITY
  try {
    for (let round = 0; round < rounds; round++) {
      const from = performance.now()
      let logs = 0
      for (let block = 0; block <= head; block += BLOCKS_A_REQUEST) {
        const range = { fromBlock: quantity(block), toBlock: quantity(block + BLOCKS_A_REQUEST - 1) }
        const { body } = await pool.request({
          path: '/',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'eth_getLogs',
            params: [{ address, ...range }],
          }),
        })
        const answer = JSON.parse(await body.text()) as { result: unknown[] }
        logs += answer.result.length
      }
      if (logs === 0) throw new Error('the chain has no logs')
      best = Math.min(best, (performance.now() - from) / 1000)
    }
    return best
  } finally {
    await pool.close()
  }
}

const quantity = (block: number): string => `0x${block.toString(16)}`
