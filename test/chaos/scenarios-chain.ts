import { eventually } from '../support/eventually.ts'
import { expectThat, type Scenario } from './scenario.ts'
import { caughtUp, expectReplay, someRecords, startFollowing, writeHistory } from './scenario-steps.ts'
import { FINALITY_DEPTH } from './script.ts'
import type { Subject } from './subject.ts'

const alarmOf = async (subject: Subject) => (await subject.status())?.alarm ?? undefined

const chainReplaced: Scenario = {
  name: 'another chain comes up at the same address',
  async run(context) {
    const { chain, subject } = await startFollowing(context)
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
    const { chain, subject } = await startFollowing(context)
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
    const { chain, subject } = await startFollowing(context, { blocks: 20 })
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
    const { chain, subject } = await startFollowing(context, { blocks: 20 })
    await chain.mineEmpty(FINALITY_DEPTH * 2)
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
