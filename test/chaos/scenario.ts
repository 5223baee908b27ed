import { type ChaosChain, startChaosChain } from './chain.ts'
import type { Engine } from './engines.ts'
import { createSubject, type Subject, type SubjectOptions } from './subject.ts'

/** One thing that goes wrong, by name, on one engine. */
export interface Scenario {
  name: string
  /** On these engines only; on all when left out. */
  engines?: readonly Engine['name'][]
  /** @returns what it showed, in a few words. @throws ScenarioSkipped, or what is wrong */
  run(context: ScenarioContext): Promise<string>
}

export interface ScenarioContext {
  engine: Engine
  /** Both are ended with the scenario. */
  chain(options?: Parameters<typeof startChaosChain>[0]): Promise<ChaosChain>
  subject(options: Omit<SubjectOptions, 'engine'> & { engine?: Engine }): Promise<Subject>
  /** Called when the scenario ends, however it does; last one first. */
  atEnd(task: () => unknown): void
}

/** Runs one, and ends everything it started. */
export async function runScenario(scenario: Scenario, engine: Engine, timeoutMs: number): Promise<string> {
  const tasks: (() => unknown)[] = []
  const atEnd = (task: () => unknown) => void tasks.push(task)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    const running = scenario.run({
      engine,
      atEnd,
      async chain(options) {
        const chain = await startChaosChain(options)
        atEnd(() => chain.stop())
        return chain
      },
      async subject(options) {
        const subject = await createSubject({ engine, ...options })
        atEnd(() => subject.close())
        return subject
      },
    })
    return await Promise.race([running, late])
  } finally {
    clearTimeout(timer)
    for (const task of tasks.reverse()) await task()
  }
}

export function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`expected that ${what}`)
}
