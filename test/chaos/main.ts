import { Option } from 'commander'
import { wholeNumber } from '../../scripts/cli/arguments.ts'
import { createCommand, runCommand } from '../../scripts/cli/run.ts'
import { FAULT_NAMES, type FaultName } from '../support/fault-plan.ts'
import { ENGINES } from './engines.ts'
import { runSeeds } from './run-seeds.ts'
import { scriptOf } from './script.ts'

interface Options {
  seeds: number
  seed: string
  engine: 'sqlite' | 'postgres' | 'both'
  fault?: FaultName[]
  workers: number
  keep?: boolean
  print?: boolean
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
  .option('--workers <count>', 'seeds at once', wholeNumber(1, 16), 2)
  .option('--keep', 'keep the databases of seeds that fail')
  .option('--print', 'print the script of --seed as JSON, and run nothing')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  if (options.print) {
    console.log(JSON.stringify(scriptOf(options.seed, options.fault), null, 2))
    return 0
  }
  const engines = ENGINES.filter(({ name }) => options.engine === 'both' || options.engine === name)
  for (const { name, skipReason } of engines)
    if (skipReason !== undefined) console.log(`${name} is skipped: ${skipReason}`)
  const usable = engines.filter(({ skipReason }) => skipReason === undefined)
  const failed = await runSeeds({ ...options, faults: options.fault, engines: usable })
  return failed === 0 ? 0 : 1
})
