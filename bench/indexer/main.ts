import { cpus, totalmem } from 'node:os'
import { EXIT } from '../../scripts/cli/exit-code.ts'
import { printJson, printTable, say } from '../../scripts/cli/output.ts'
import { createCommand, runCommand } from '../../scripts/cli/run.ts'
import { BARE, type BenchEngine, postgres, SQLITE } from './engines.ts'
import { type Measured, measureEvents } from './measure.ts'
import { judge } from './targets.ts'

const command = createCommand(
  'bench:indexer',
  'Measures the indexer as its own process on a local chain: backfill, lookups, live latency, restart, memory and growth.',
  '0 every target reached, 1 error, 2 a target missed',
)
  .option('--events <list>', 'numbers of events, comma-separated', toNumbers, [100_000, 1_000_000])
  .option('--engines <list>', 'of bare, sqlite, postgres', 'bare,sqlite,postgres')
  .option('--rounds <n>', 'backfills of each store, the median counts', Number, 3)
  .option('--lookup-seconds <n>', 'seconds of lookups, in five rounds of which the median counts', Number, 15)
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    '\nPostgreSQL is measured when BENCH_POSTGRES names a server, such as postgres://postgres@127.0.0.1:5432/postgres, whose role may create databases.',
  )

void runCommand(command, async () => {
  const options = command.opts<{
    events: number[]
    engines: string
    rounds: number
    lookupSeconds: number
    json?: boolean
  }>()
  const engines = enginesOf(options.engines)
  const measured: Measured[] = []
  for (const events of options.events)
    measured.push(...(await measureEvents(events, engines, options, (line) => say(`… ${line}`))))
  const verdicts = judge(measured)
  const machine = {
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
  if (options.json) printJson({ machine, measured, verdicts })
  else {
    show(measured)
    printTable(
      ['target', 'measured', 'reached'],
      verdicts.map(({ target, value, isReached }) => [target, value, isReached ? 'yes' : 'NO']),
    )
  }
  return verdicts.every(({ isReached }) => isReached) ? EXIT.consistent : EXIT.contradicted
})

function toNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number)
  if (!numbers.every((number) => Number.isSafeInteger(number) && number > 0))
    throw new TypeError(`${text} is not a list of numbers`)
  return numbers
}

function enginesOf(names: string): BenchEngine[] {
  const server = process.env.BENCH_POSTGRES ?? process.env.COUNTERSIGN_TEST_POSTGRES
  const known = new Map<string, BenchEngine>([
    ['bare', BARE],
    ['sqlite', SQLITE],
  ])
  if (server !== undefined) known.set('postgres', postgres(server))
  return names.split(',').flatMap((name) => {
    const engine = known.get(name)
    if (engine !== undefined) return [engine]
    if (name !== 'postgres') throw new TypeError(`${name} is none of bare, sqlite, postgres`)
    say('… PostgreSQL is left out: BENCH_POSTGRES names no server')
    return []
  })
}

function show(measured: readonly Measured[]): void {
  printTable(
    [
      'events',
      'store',
      'LIMIT s',
      'backfill s',
      '× LIMIT',
      'peak MiB',
      'lookups/s',
      'p50 ms',
      'p99 ms',
      'live p50 ms',
      'live p99 ms',
      'restart s',
      'after kill s',
      'bytes/record',
    ],
    measured.map((one) => [
      one.events,
      one.engine,
      one.limitSeconds.toFixed(2),
      one.backfillSeconds.toFixed(2),
      (one.backfillSeconds / one.limitSeconds).toFixed(2),
      one.peakMemoryMiB.toFixed(0),
      one.lookupsPerSecond.toFixed(0),
      one.lookupP50Ms.toFixed(2),
      one.lookupP99Ms.toFixed(2),
      one.liveP50Ms.toFixed(1),
      one.liveP99Ms.toFixed(1),
      one.orderlyRestartSeconds.toFixed(2),
      one.killedRestartSeconds.toFixed(2),
      one.bytesARecord.toFixed(0),
    ]),
  )
}
