import { readFileSync } from 'node:fs'
import { Option } from 'commander'
import { wholeNumber } from '../../scripts/cli/arguments.ts'
import { createCommand, runCommand } from '../../scripts/cli/run.ts'
import { FAULT_NAMES, type FaultName } from '../support/fault-plan.ts'
import { ENGINES, type EngineName } from './engines.ts'
import { killEvidenceServer } from './evidence-kills.ts'
import { runKills } from './kills.ts'
import { runScenarios } from './run-scenarios.ts'
import { runSeeds } from './run-seeds.ts'
import { keepScratch, scratchDirectory } from './scratch.ts'
import { type Script, scriptOf } from './script.ts'

const PARTS = ['seeds', 'kills', 'scenarios', 'evidence'] as const
type Part = (typeof PARTS)[number]

interface Options {
  seeds: number
  seed: string
  engine: EngineName | 'both'
  fault?: FaultName[]
  kills: number
  part: Part[]
  scenario?: string
  workers: number
  keep?: boolean
  print?: boolean
  script?: string
}

const command = createCommand(
  'test:chaos',
  'Runs indexers through faults, reorganisations and deaths, and compares what they end with to a replay of the chain.\n' +
    'Seeds that failed before are run first; one that fails is added to test/chaos/failing-seeds.json.',
  '0 all well, 1 something failed',
)
  .option('--seeds <count>', 'how many seeds', wholeNumber(0, 100_000), 20)
  .option('--seed <seed>', 'the first of them; the others count up from it', '1')
  .addOption(
    new Option('--engine <name>', 'whose store').choices(['sqlite', 'postgres', 'both']).default('both'),
  )
  .addOption(new Option('--fault <name...>', 'only these faults').choices(FAULT_NAMES))
  .addOption(
    new Option('--part <name...>', 'what to run').choices(PARTS).default([...PARTS], PARTS.join(' ')),
  )
  .option(
    '--kills <count>',
    'how often it is killed in a backfill, and as often while it follows; how often the evidence server is during uploads',
    wholeNumber(1, 10_000),
    Number(process.env.KILLS ?? 5),
  )
  .option('--scenario <text>', 'only the scenarios whose name has this in it')
  .option('--workers <count>', 'seeds at once', wholeNumber(1, 16), 2)
  .option('--keep', 'keep the databases of seeds that fail')
  .option('--script <file>', 'run what --print wrote, perhaps changed, instead of seeds')
  .option('--print', 'print the script of --seed as JSON, and run nothing')

// Children are ended when this process exits, which a signal alone would not let it do in order.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await runCommand(command, async () => {
  const options = command.opts<Options>()
  if (options.print) {
    console.log(JSON.stringify(scriptOf(options.seed, options.fault), null, 2))
    return 0
  }
  const { part, kills, seed } = options
  if (options.keep) {
    keepScratch()
    console.log(`what fails is kept in ${scratchDirectory()}`)
  }
  const engines = ENGINES.filter(({ name, skipReason }) => {
    if (options.engine !== 'both' && options.engine !== name) return false
    if (skipReason !== undefined) console.log(`skipped  ${name}: ${skipReason}`)
    return skipReason === undefined
  })
  const script =
    options.script === undefined ? undefined : (JSON.parse(readFileSync(options.script, 'utf8')) as Script)
  let failed = 0
  if (part.includes('seeds')) failed += await runSeeds({ ...options, faults: options.fault, engines, script })
  if (part.includes('kills')) failed += await runKills(engines, kills, seed)
  if (part.includes('scenarios')) failed += await runScenarios(engines, options.scenario)
  if (part.includes('evidence')) failed += await runEvidenceKills(kills, seed)
  return failed === 0 ? 0 : 1
})
async function runEvidenceKills(kills: number, seed: string): Promise<number> {
  try {
    console.log(`well     evidence server: ${await killEvidenceServer(kills, seed)}`)
    return 0
  } catch (error) {
    console.log(`FAILED   evidence server: ${String(error)}`)
    return 1
  }
}

// A database server that was started for the run ends with this process.
process.exit()
