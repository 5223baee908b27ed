import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { FilledChain } from './chain.ts'

const PROGRAM = new URL('limit-process.ts', import.meta.url).pathname
const run = promisify(execFile)

/**
 * The LIMIT that a backfill is measured against: seconds in which a process of its own reads all logs with bare `eth_getLogs` and
 * `JSON.parse`, and nothing else. From the start of that process to its end, as a backfill is. The median of three.
 * @param events so many have to have come
 */
export async function measureLimit(filled: FilledChain, events: number): Promise<number> {
  const { chain, contracts, head } = filled
  const addresses = [contracts.QueryResultRegistry, contracts.ParticipantDirectory]
  const seconds: number[] = []
  for (let round = 0; round < 3; round++) {
    const from = performance.now()
    const { stdout } = await run(process.execPath, [PROGRAM, chain.url, String(head), ...addresses])
    seconds.push((performance.now() - from) / 1000)
    if (Number(stdout) < events) throw new Error(`the chain has ${stdout} logs of ${events}`)
  }
  return seconds.toSorted((a, b) => a - b)[1]!
}
