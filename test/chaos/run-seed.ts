import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultName } from '../support/fault-plan.ts'
import { seededRandom } from '../support/fault-random.ts'
import type { ChaosChain } from './chain.ts'
import { differenceOf, type Engine, type EngineName } from './engines.ts'
import { replay } from './replay.ts'
import { type Script, type Step, scriptOf } from './script.ts'
import { COMPLETENESS_CHECK_MS, createSubject, type Subject } from './subject.ts'
import { Witness } from './witness.ts'

export interface SeedFailure {
  engine: EngineName
  what: string
  detail: unknown
}

export interface SeedResult {
  seed: string
  failures: SeedFailure[]
  ms: number
  blocks: number
  records: number
  answers: number
  struck: Map<FaultName, number>
}

export interface SeedOptions {
  seed: string
  /** Fresh. */
  chain: ChaosChain
  engines: readonly Engine[]
  /** URL of a chain that is another one. */
  otherChain: string
  faults?: readonly FaultName[] | undefined
  /** Played instead of the seed's own. */
  script?: Script | undefined
  keep?: boolean | undefined
}

/** All pauses that faults may have caused have to be over by then. */
const CATCH_UP_MS = 30_000
/** Noticed within one check, that check's own time, and what a busy machine takes. */
const NOTICED_WITHIN_MS = COMPLETENESS_CHECK_MS * 2 + 1_500
const WITNESS_EVERY_MS = 12
/** What a person has to see to, and may be the consequence of an endpoint that answers for another chain. */
const ALARMS_OF_ANOTHER_CHAIN = ['CHAIN_MISMATCH', 'CHAIN_REPLACED', 'CHAIN_REORGANISED_PAST_FINALITY']

/** One run: a history with faults, reorganisations and deaths; then the store must be what the chain alone makes of it. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const started = performance.now()
  const { seed, chain, engines, otherChain } = options
  const script = options.script ?? scriptOf(seed, options.faults)
  for (const writes of script.history) await chain.mine(writes)
  const subjects = await Promise.all(
    engines.map((engine) =>
      createSubject({ chain, engine, plan: script.faults, endpoints: script.endpoints, otherChain }),
    ),
  )
  const failures: SeedFailure[] = []
  const witnesses = subjects.map(
    (subject) =>
      new Witness({
        random: seededRandom(`${seed}/witness/${subject.engine}`),
        truth: () => chain.truth,
        url: subject.url,
        noticedWithinMs: NOTICED_WITHIN_MS,
        everyMs: WITNESS_EVERY_MS,
      }),
  )
  try {
    for (const witness of witnesses) witness.start()
    await play(script, chain, subjects, witnesses)
    await chain.mine()
    const caughtUp = await Promise.allSettled(subjects.map((subject) => finish(subject, chain, script)))
    for (const witness of witnesses) {
      await witness.stop()
      witness.judge()
    }
    const expected = await replay(chain)
    for (const [i, { engine, dump }] of subjects.entries()) {
      for (const { what, ...detail } of witnesses[i]!.violations) failures.push({ engine, what, detail })
      const outcome = caughtUp[i]!
      if (outcome.status === 'rejected')
        failures.push({ engine, what: 'does not recover', detail: String(outcome.reason) })
      else {
        const difference = differenceOf(await dump(), expected)
        if (difference.length > 0)
          failures.push({ engine, what: 'the store differs from a replay', detail: difference })
      }
    }
  } finally {
    await Promise.all(witnesses.map((witness) => witness.stop()))
    await Promise.all(subjects.map((subject) => subject.close(options.keep === true && failures.length > 0)))
  }
  return {
    seed,
    failures,
    ms: performance.now() - started,
    blocks: chain.truth.head.number,
    records: chain.truth.records().length,
    answers: witnesses.reduce((sum, { counts }) => sum + counts.complete, 0),
    struck: sumOf(subjects),
  }
}

async function play(
  script: Script,
  chain: ChaosChain,
  subjects: readonly Subject[],
  witnesses: readonly Witness[],
): Promise<void> {
  for (const [i, step] of script.steps.entries()) {
    for (const { endpoints } of subjects) for (const endpoint of endpoints) endpoint.setStep(i)
    await playStep(step, chain, subjects)
    for (const witness of witnesses) witness.judge()
  }
}

async function playStep(step: Step, chain: ChaosChain, subjects: readonly Subject[]): Promise<void> {
  switch (step.step) {
    case 'mine':
      for (const writes of step.blocks) await chain.mine(writes)
      break
    case 'reorganise':
      for (let i = 0; i < step.times; i++) await chain.reorganise(step.depth, step.writes)
      break
    case 'cutBack':
      await chain.cutBack(step.depth)
      await sleep(step.pauseMs)
      for (const writes of step.blocks) await chain.mine(writes)
      break
    case 'kill':
      await Promise.all(subjects.map((subject) => subject.process()!.kill()))
      break
    case 'stop':
      await Promise.all(subjects.map(stopInOrder))
      break
    case 'start':
      for (const subject of subjects) subject.start()
      if (step.listen) await Promise.all(subjects.map((subject) => subject.process()!.listening))
      break
    case 'wait':
      await sleep(step.ms)
  }
}

/** Before it listens nobody can end it in order; then it is a crash. */
async function stopInOrder(subject: Subject): Promise<void> {
  const code = await subject.process()!.stop()
  if (code !== 0 && code !== null)
    throw new Error(`ended with ${code}: ${subject.process()!.output().slice(-2_000)}`)
}

/** Faults off; whoever is down is started; an alarm that the faults explain is seen to, as a person would. */
async function finish(subject: Subject, chain: ChaosChain, { faults }: Script): Promise<void> {
  for (const endpoint of subject.endpoints) endpoint.heal()
  if (!subject.isRunning()) subject.start()
  await subject.process()!.listening
  const head = () => chain.truth.head.hash
  try {
    await subject.caughtUp(head, CATCH_UP_MS, true)
  } catch (error) {
    const alarm = (await subject.status())?.alarm
    const isExplained =
      alarm != null &&
      ALARMS_OF_ANOTHER_CHAIN.includes(alarm.code) &&
      faults.faults.some(({ fault }) => fault === 'other-chain')
    if (!isExplained) throw error
    await subject.process()!.stop()
    subject.start()
    await subject.process()!.listening
    await subject.caughtUp(head, CATCH_UP_MS, true)
  }
  const code = await subject.process()!.stop()
  if (code !== 0) throw new Error(`ended with ${code}: ${subject.process()!.output().slice(-2_000)}`)
}

function sumOf(subjects: readonly Subject[]): Map<FaultName, number> {
  const sum = new Map<FaultName, number>()
  for (const { endpoints } of subjects)
    for (const { struck } of endpoints)
      for (const [name, times] of struck) sum.set(name, (sum.get(name) ?? 0) + times)
  return sum
}
