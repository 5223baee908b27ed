import { eventually } from '../support/eventually.ts'
import { seededRandom } from '../support/fault-random.ts'
import type { ChaosChain } from './chain.ts'
import { differenceOf } from './engines.ts'
import { replay } from './replay.ts'
import { expectThat, type Scenario } from './scenario.ts'
import { FINALITY_DEPTH } from './script.ts'
import { randomEntry } from './serials.ts'
import type { Subject } from './subject.ts'

const random = seededRandom('scenarios-chain')
export const someRecords = (author: number, count = 3) => ({
  write: 'record' as const,
  author,
  entries: Array.from({ length: count }, () => randomEntry(random)),
})

/** A few blocks with records of several authors. */
export async function writeHistory(chain: ChaosChain, blocks = 12): Promise<void> {
  await chain.mine([{ write: 'register', account: 1 }])
  for (let i = 0; i < blocks; i++) await chain.mine([someRecords(1 + (i % 3))])
}

export const caughtUp = (subject: Subject, chain: ChaosChain): Promise<void> =>
  subject.caughtUp(() => chain.truth.head.hash, 20_000)

export async function expectReplay(subject: Subject, chain: ChaosChain): Promise<void> {
  await subject.process()!.stop()
  const difference = differenceOf(await subject.dump(), await replay(chain))
  expectThat(difference.length === 0, `the store equals a replay, but: ${difference.join('; ')}`)
}

const alarmOf = async (subject: Subject) => (await subject.status())?.alarm ?? undefined

const chainReplaced: Scenario = {
  name: 'another chain comes up at the same address',
  async run(context) {
    const chain = await context.chain()
    await writeHistory(chain)
    const subject = await context.subject({ chain })
    await subject.start().listening
    await caughtUp(subject, chain)
    const other = await context.chain({ flags: ['--timestamp', '1600000000'] })
    await writeHistory(other, 20)
    subject.endpoints[0]!.setPower(false)
    subject.endpoints[0]!.retarget(other.anvil.url)
    subject.endpoints[0]!.setPower(true)
    const ms = await eventually('it stops with CHAIN_REPLACED', async () => {
      const alarm = await alarmOf(subject)
      expectThat(alarm === undefined || alarm.code === 'CHAIN_REPLACED', `not ${alarm?.code} is said`)
      return alarm?.code === 'CHAIN_REPLACED'
    })
    const alarm = (await alarmOf(subject))!
    expectThat(alarm.action.length > 0, 'the alarm says what to do')
    const ready = await fetch(`${subject.url()}/readyz`)
    expectThat(ready.status === 503, '/readyz answers 503')
    // Nothing of the other chain came in.
    subject.endpoints[0]!.retarget(chain.anvil.url)
    await expectReplay(subject, chain)
    return `stopped with CHAIN_REPLACED after ${Math.round(ms)} ms; the rows are as they were`
  },
}

const nodeRestartedEmpty: Scenario = {
  name: 'the node is restarted empty',
  async run(context) {
    const chain = await context.chain()
    await writeHistory(chain)
    const subject = await context.subject({ chain })
    await subject.start().listening
    await caughtUp(subject, chain)
    await subject.process()!.stop()
    const fresh = await context.chain({ flags: ['--timestamp', '1650000000'] })
    expectThat(
      fresh.contracts.QueryResultRegistry === chain.contracts.QueryResultRegistry,
      'a fresh chain has its contracts at the same addresses',
    )
    await writeHistory(fresh, 4)
    subject.endpoints[0]!.retarget(fresh.anvil.url)
    await subject.start().listening
    await eventually('it says that the chain is another', async () => (await alarmOf(subject)) !== undefined)
    const alarm = (await alarmOf(subject))!
    expectThat(alarm.action.includes('--reset'), `the alarm offers --reset, but: ${JSON.stringify(alarm)}`)
    await subject.process()!.stop()
    const reset = subject.start({ args: ['--reset', '--yes'] })
    await Promise.race([reset.gone, reset.listening.catch(() => {})])
    if (reset.isGone()) await subject.start().listening
    await caughtUp(subject, fresh)
    await expectReplay(subject, fresh)
    return `${alarm.code} offers --reset; --reset --yes indexed the new chain`
  },
}

const deeperThanFinality: Scenario = {
  name: 'a reorganisation is deeper than finality',
  async run(context) {
    const chain = await context.chain()
    await writeHistory(chain, 20)
    const subject = await context.subject({ chain })
    await subject.start().listening
    await caughtUp(subject, chain)
    // Past the harness's own bound, which keeps what is final.
    await chain.anvil.request('anvil_reorg', [FINALITY_DEPTH + 3, []])
    await eventually('it stops', async () => (await alarmOf(subject)) !== undefined)
    const alarm = (await alarmOf(subject))!
    expectThat(alarm.code === 'CHAIN_REORGANISED_PAST_FINALITY', `it says so, not ${alarm.code}`)
    return 'stopped with CHAIN_REORGANISED_PAST_FINALITY'
  },
}

const exactlyFinality: Scenario = {
  name: 'a reorganisation is exactly as deep as finality allows',
  async run(context) {
    const chain = await context.chain()
    await writeHistory(chain, 20)
    await chain.mineEmpty(FINALITY_DEPTH * 2)
    const subject = await context.subject({ chain })
    await subject.start().listening
    await caughtUp(subject, chain)
    await chain.reorganise(FINALITY_DEPTH, [someRecords(2)])
    await caughtUp(subject, chain)
    await chain.mine([someRecords(1)])
    await chain.reorganise(FINALITY_DEPTH)
    await caughtUp(subject, chain)
    await expectReplay(subject, chain)
    return `${FINALITY_DEPTH} empty blocks rolled back and replayed, twice`
  },
}

export const CHAIN_SCENARIOS: readonly Scenario[] = [
  chainReplaced,
  nodeRestartedEmpty,
  deeperThanFinality,
  exactlyFinality,
]
