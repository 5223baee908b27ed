import { Pool } from 'undici'
import { keyToSerial } from '../../protocol/serial.ts'
import { eventually } from '../support/eventually.ts'
import type { ChaosChain } from './chain.ts'
import { expectThat, type Scenario, type ScenarioContext } from './scenario.ts'
import { caughtUp, someRecords, startFollowing } from './scenario-steps.ts'

const REORGANISATIONS = 20
/** The default of the indexer. */
const POLL_MS = 200
const WITHIN_MS_BY_CALL = 50
const WITHIN_MS_BY_POLL = POLL_MS * 1.5
/** A machine that does other work at the same time may be late so often. */
const MAX_LATE = 2

/**
 * Measures, `REORGANISATIONS` times, how long after the new block the API answers as the new branch has it: the record
 * that was replaced is not found, the one in its place is.
 */
async function measure(context: ScenarioContext, webSocket: boolean): Promise<number[]> {
  const { chain, subject } = await startFollowing(context, {
    environment: { INDEXER_WEB_SOCKET: String(webSocket), INDEXER_POLL_MS: String(POLL_MS) },
  })
  if (webSocket) await eventually('it is subscribed', () => subject.endpoints[0]!.subscribers.size > 0, 3_000)
  const pool = new Pool(subject.url()!, { connections: 1 })
  context.atEnd(() => pool.destroy())
  const times: number[] = []
  for (let i = 0; i < REORGANISATIONS; i++) {
    await chain.mine([someRecords(1, 1)])
    await caughtUp(subject, chain)
    times.push(await measureOne(chain, pool))
  }
  return times.sort((a, b) => a - b)
}

async function measureOne(chain: ChaosChain, pool: Pool): Promise<number> {
  const [replaced] = chain.truth.head.records
  const write = someRecords(2, 1)
  const serial = keyToSerial(write.entries[0]!.key)
  const provider = chain.truth.authors[write.author - 1]!
  const isFound = async (path: string) => {
    const { statusCode, body } = await pool.request({ path: `/v1/results/${path}`, method: 'GET' })
    await body.dump()
    return statusCode === 200
  }
  const replacedPath = `${replaced!.serial}/${replaced!.provider}`
  expectThat(await isFound(replacedPath), 'the record is there before')
  await chain.replaceUnseen(1, [write])
  // The node's answer comes with the new block.
  const started = performance.now()
  await eventually(
    'the answers are those of the new branch',
    async () => (await isFound(`${serial}/${provider}`)) && !(await isFound(replacedPath)),
  )
  const took = performance.now() - started
  await chain.truth.sync()
  return took
}

const scenario = (name: string, webSocket: boolean, withinMs: number): Scenario => ({
  name,
  async run(context) {
    const times = await measure(context, webSocket)
    const [p50, max] = [times[times.length >> 1]!, times.at(-1)!]
    const figures = `p50 ${p50.toFixed(0)} ms, max ${max.toFixed(0)} ms of ${times.length}, ${withinMs} allowed`
    expectThat(p50 <= withinMs && times.filter((ms) => ms > withinMs).length <= MAX_LATE, figures)
    return figures
  },
})

export const REORGANISATION_SCENARIOS: readonly Scenario[] = [
  scenario('a reorganisation is announced over WebSocket', true, WITHIN_MS_BY_CALL),
  scenario('a reorganisation is found by polling', false, WITHIN_MS_BY_POLL),
]
