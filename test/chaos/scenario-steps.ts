import { seededRandom } from '../support/fault-random.ts'
import type { ChaosChain } from './chain.ts'
import { differenceOf } from './engines.ts'
import type { IndexerProcess, IndexerProcessOptions } from './indexer-process.ts'
import { replay } from './replay.ts'
import { expectThat, type ScenarioContext } from './scenario.ts'
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

export type FollowingOptions = Omit<Parameters<ScenarioContext['subject']>[0], 'chain'> & {
  /** Of the history. */
  blocks?: number
  /** How the process is started. */
  start?: IndexerProcessOptions
}

/** A chain with a history, and a subject that runs and has read all of it. */
export async function startFollowing(
  context: ScenarioContext,
  { blocks, start, ...options }: FollowingOptions = {},
): Promise<{ chain: ChaosChain; subject: Subject; child: IndexerProcess }> {
  const chain = await context.chain()
  await writeHistory(chain, blocks)
  const subject = await context.subject({ chain, ...options })
  const child = subject.start(start)
  await child.listening
  await caughtUp(subject, chain)
  return { chain, subject, child }
}

export const caughtUp = (subject: Subject, chain: ChaosChain): Promise<void> =>
  subject.caughtUp(() => chain.truth.head.hash, 20_000)

export async function expectReplay(subject: Subject, chain: ChaosChain): Promise<void> {
  await subject.process()!.stop()
  const difference = differenceOf(await subject.dump(), await replay(chain))
  expectThat(difference.length === 0, `the store equals a replay, but: ${difference.join('; ')}`)
}
