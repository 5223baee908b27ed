import { cpus, totalmem } from 'node:os'
import { EXIT } from '../scripts/cli/exit-code.ts'
import { printJson, printTable, say } from '../scripts/cli/output.ts'
import { createCommand, runCommand } from '../scripts/cli/run.ts'
import { KINDS, type Kind, type Measured, measureAudit } from './audit.ts'
import { measureUnitCosts } from './unit-costs.ts'

const PROVIDERS = 3
const CPU_OF = ['proxy', 'three providers', 'chain', 'load']
/** What the project holds itself to. */
const TARGETS = { ratio: 0.5, p99Ms: 150 }

const command = createCommand(
  'bench',
  'Measures queries through the proxy to three providers in contemporaneous mode, as a ratio to the same fan-out with signatures and recording off.',
)
  .option('--seconds <n>', 'seconds of each measurement', Number, 15)
  .option('--warm-up <n>', 'seconds before each that do not count', Number, 5)
  .option('--connections <n>', 'queries at once', Number, 32)
  .option('--rounds <n>', 'measurements of each kind, in turn', Number, 3)
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const { json, warmUp, ...options } = command.opts<{
    seconds: number
    warmUp: number
    connections: number
    rounds: number
    json?: boolean
  }>()
  const measured = await measureAudit({ ...options, warmUpSeconds: warmUp }, (line) => say(`… ${line}`))
  const unitCosts = measureUnitCosts(PROVIDERS)
  const [bare, off, signed] = KINDS.map((kind) => medianOf(measured, kind)) as [Measured, Measured, Measured]
  const ratio = signed.perSecond / off.perSecond
  const machine = {
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
  if (json)
    printJson({
      machine,
      options: { ...options, warmUp },
      ratio,
      ratioToBare: signed.perSecond / bare.perSecond,
      targets: TARGETS,
      medians: [bare, off, signed],
      unitCosts,
      measured,
    })
  else show([bare, off, signed], ratio, unitCosts)
  return ratio >= TARGETS.ratio && signed.p99Ms < TARGETS.p99Ms ? EXIT.consistent : EXIT.contradicted
})

/** The measurement of median speed. */
function medianOf(measured: Measured[], kind: Kind): Measured {
  const own = measured.filter((one) => one.kind === kind).sort((a, b) => a.perSecond - b.perSecond)
  return own[Math.floor(own.length / 2)]!
}

function show(
  medians: [Measured, Measured, Measured],
  ratio: number,
  unitCosts: ReturnType<typeof measureUnitCosts>,
): void {
  const [, off, signed] = medians
  const row = (one: Measured): (string | number)[] => [
    one.kind,
    one.perSecond.toFixed(0),
    (one.perSecond / off.perSecond).toFixed(2),
    one.p50Ms,
    one.p99Ms,
    one.errors,
    one.recordedPerSecond.toFixed(0),
    ...CPU_OF.map((process) => one.cpuMsPerQuery[process]!.toFixed(2)),
  ]
  const [firstCpu, ...otherCpu] = CPU_OF
  printTable(
    [
      '',
      'queries/s',
      'ratio',
      'p50 ms',
      'p99 ms',
      'errors',
      'records/s',
      `CPU ms/query: ${firstCpu}`,
      ...otherCpu,
    ],
    medians.map(row),
  )
  printTable(
    ['where the time goes', 'times a query', 'µs each', 'µs a query'],
    unitCosts.map(({ operation, perQuery, microseconds }) => [
      operation,
      perQuery,
      microseconds.toFixed(1),
      (perQuery * microseconds).toFixed(0),
    ]),
  )
  process.stdout.write(
    `ratio ${ratio.toFixed(2)} (target ${TARGETS.ratio}), p99 ${signed.p99Ms} ms (target below ${TARGETS.p99Ms})\n`,
  )
}
