import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import type { FaultPlan } from '../support/fault-plan.ts'
import { expectThat, type Scenario } from './scenario.ts'
import { caughtUp, expectReplay, someRecords, startFollowing } from './scenario-steps.ts'
import { scratchDirectory } from './scratch.ts'

const PRELOAD = new URL('./shifted-clock.ts', import.meta.url).pathname
const HOUR_MS = 3_600_000
/** A step of the run each; only in step 1 the endpoint leaves logs out. */
const GAP: FaultPlan = {
  seed: 'clock',
  faults: [{ fault: 'drop-some-logs', probability: 1, sticky: true, fromStep: 1, toStep: 1 }],
}
/** Pauses between attempts included, which were counted on before the clock jumped. */
const SOON_MS = 8_000

const clockJumps: Scenario = {
  name: 'the clock jumps by hours',
  async run(context) {
    const directory = mkdtempSync(join(scratchDirectory(), 'chaos-clock-'))
    context.atEnd(() => rmSync(directory, { recursive: true }))
    const clockFile = join(directory, 'shift')
    const { chain, subject, child } = await startFollowing(context, {
      plan: GAP,
      environment: { CHAOS_CLOCK_FILE: clockFile },
      start: { nodeArgs: ['--import', PRELOAD] },
    })
    const jump = (hours: number) => {
      writeFileSync(clockFile, String(hours * HOUR_MS))
      process.kill(child.pid, 'SIGUSR2')
    }
    const took: string[] = []
    for (const hours of [-6, 12, 0]) {
      subject.endpoints[0]!.setStep(1)
      await chain.mine([someRecords(1)])
      await eventually('the gap is noticed', async () => {
        const status = await subject.status()
        return status?.standing?.completeness === 'incomplete'
      })
      jump(hours)
      await sleep(100)
      subject.endpoints[0]!.setStep(2)
      const repaired = await eventually(
        `the gap is repaired, with the clock at ${hours} h`,
        async () => (await subject.status())?.standing?.completeness === 'complete',
        SOON_MS,
      )
      await chain.mine([someRecords(2)])
      const started = performance.now()
      await caughtUp(subject, chain)
      expectThat(performance.now() - started < SOON_MS, 'a new block is indexed soon')
      took.push(`${hours} h: ${Math.round(repaired)} ms`)
    }
    await expectReplay(subject, chain)
    return `repaired after a jump to ${took.join(', ')}`
  },
}

export const CLOCK_SCENARIOS: readonly Scenario[] = [clockJumps]
