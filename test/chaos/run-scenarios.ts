import type { Engine } from './engines.ts'
import { runScenario, type Scenario } from './scenario.ts'
import { CHAIN_SCENARIOS } from './scenarios-chain.ts'
import { CLOCK_SCENARIOS } from './scenarios-clock.ts'
import { DATABASE_SCENARIOS } from './scenarios-database.ts'
import { POSTGRES_SCENARIOS } from './scenarios-postgres.ts'
import { REORGANISATION_SCENARIOS } from './scenarios-reorganisation.ts'
import { ScenarioSkipped } from './skipped.ts'

const SCENARIOS: readonly Scenario[] = [
  ...CHAIN_SCENARIOS,
  ...REORGANISATION_SCENARIOS,
  ...DATABASE_SCENARIOS,
  ...POSTGRES_SCENARIOS,
  ...CLOCK_SCENARIOS,
]
const TIMEOUT_MS = 120_000

/** One after the other: some measure time. @returns how many failed */
export async function runScenarios(engines: readonly Engine[], only?: string): Promise<number> {
  let failed = 0
  for (const scenario of SCENARIOS) {
    if (only !== undefined && !scenario.name.includes(only)) continue
    for (const engine of engines) {
      if (scenario.engines !== undefined && !scenario.engines.includes(engine.name)) continue
      const title = `${scenario.name}, ${engine.name}`
      try {
        console.log(`well     ${title}: ${await runScenario(scenario, engine, TIMEOUT_MS)}`)
      } catch (error) {
        if (error instanceof ScenarioSkipped) {
          console.log(`skipped  ${title}: ${error.message}`)
          continue
        }
        failed++
        console.log(`FAILED   ${title}: ${(error as Error).message.slice(0, 2_000)}`)
      }
    }
  }
  return failed
}
