import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { FilledChain } from './chain.ts'

const SAMPLES = 500
/** A chain with a million records takes a second for a block: then fewer samples have to do. */
const MOST_MS = 60_000
const PAUSE_MS = 20
const GIVE_UP_MS = 10_000

/** Milliseconds from a block's being mined until a lookup of the record in it is answered. */
export async function measureLive(
  filled: FilledChain,
  indexerUrl: string,
): Promise<{ p50Ms: number; p99Ms: number }> {
  const pool = new Pool(indexerUrl, { connections: 1 })
  const author = filled.authors[0]!
  const waits: number[] = []
  try {
    const end = performance.now() + MOST_MS
    for (let i = 0; i < SAMPLES && performance.now() < end; i++) {
      const serial = await filled.recordOne()
      const from = performance.now()
      for (;;) {
        const { statusCode, body } = await pool.request({
          path: `/v1/results/${serial}/${author}`,
          method: 'GET',
        })
        await body.dump()
        if (statusCode === 200) break
        if (performance.now() - from > GIVE_UP_MS) throw new Error(`${serial} is not answered`)
        await sleep(0)
      }
      waits.push(performance.now() - from)
      await sleep(PAUSE_MS + Math.random() * PAUSE_MS)
    }
  } finally {
    await pool.close()
  }
  waits.sort((a, b) => a - b)
  return { p50Ms: waits[Math.floor(waits.length * 0.5)]!, p99Ms: waits[Math.floor(waits.length * 0.99)]! }
}
