import { EXIT } from '../../scripts/cli/exit-code.ts'
import { printJson, printTable, say } from '../../scripts/cli/output.ts'
import { createCommand, runCommand } from '../../scripts/cli/run.ts'
import { type BenchEngine, postgres, SQLITE } from './engines.ts'
import { runHttpLoad } from './http-load.ts'
import { startIndexerProcess } from './indexer-process.ts'
import { type FilledWithPayments, fillWithPayments } from './payment-chain.ts'

const CONNECTIONS = 50
const MAX_LOOKUP_P99_MS = 20
const MAX_TOTALS_MS = 50
const ROUNDS = 200

const command = createCommand(
  'bench:payments',
  'Measures what the indexer answers for payments: lookups by order id at 50 at once, totals, pages of lists.',
  '0 every target reached, 1 error, 2 a target missed',
)
  .option('--payments <n>', 'payments on the chain', Number, 100_000)
  .option('--lookup-seconds <n>', 'seconds of lookups', Number, 10)
  .option('--json', 'print one JSON document')
  .addHelpText('after', '\nPostgreSQL is measured when BENCH_POSTGRES names a server, as with bench:indexer.')

interface MeasuredPayments {
  engine: string
  payments: number
  backfillSeconds: number
  lookupsPerSecond: number
  lookupP50Ms: number
  lookupP99Ms: number
  totalsP50Ms: number
  totalsP99Ms: number
  pageP50Ms: number
  pageP99Ms: number
}

void runCommand(command, async () => {
  const options = command.opts<{ payments: number; lookupSeconds: number; json?: boolean }>()
  const server = process.env.BENCH_POSTGRES ?? process.env.COUNTERSIGN_TEST_POSTGRES
  const engines = [SQLITE, ...(server === undefined ? [] : [postgres(server)])]
  const filled = await fillWithPayments(options.payments, (done) => say(`… ${done} payments on the chain`))
  const measured: MeasuredPayments[] = []
  try {
    for (const engine of engines) measured.push(await measure(engine, filled, options.lookupSeconds))
  } finally {
    await filled.chain.kill()
  }
  if (options.json) printJson({ measured })
  else
    printTable(
      [
        'store',
        'payments',
        'backfill s',
        'lookups/s',
        'p50 ms',
        'p99 ms',
        'totals p50',
        'p99',
        'page p50',
        'p99',
      ],
      measured.map((one) => [
        one.engine,
        one.payments,
        one.backfillSeconds.toFixed(2),
        one.lookupsPerSecond.toFixed(0),
        ...[
          one.lookupP50Ms,
          one.lookupP99Ms,
          one.totalsP50Ms,
          one.totalsP99Ms,
          one.pageP50Ms,
          one.pageP99Ms,
        ].map((ms) => ms.toFixed(2)),
      ]),
    )
  const isReached = measured.every(
    ({ lookupP99Ms, totalsP99Ms }) => lookupP99Ms < MAX_LOOKUP_P99_MS && totalsP99Ms <= MAX_TOTALS_MS,
  )
  return isReached ? EXIT.consistent : EXIT.contradicted
})

async function measure(
  engine: BenchEngine,
  filled: FilledWithPayments,
  seconds: number,
): Promise<MeasuredPayments> {
  const database = await engine.create()
  const indexer = await startIndexerProcess(filled, database.url)
  try {
    const lookups = await runHttpLoad({
      url: indexer.url,
      member: 'orderKey',
      paths: filled.orders.map(({ orderId, orderKey }) => ({
        path: `/v1/payments/${orderId}`,
        serial: orderKey,
      })),
      connections: CONNECTIONS,
      seconds,
    })
    const { chainId } = filled.chain
    const totals = await times(
      indexer.url,
      (i) => `/v1/payment-totals?asOf=${chainId}:${Math.max(filled.head - (i % 100), 1)}`,
    )
    const pages = await times(
      indexer.url,
      (i) => `/v1/payments?category=pension&period=${2015 + (i % 9)}&limit=50`,
    )
    return {
      engine: engine.name,
      payments: filled.payments,
      backfillSeconds: indexer.caughtUpAfter,
      lookupsPerSecond: lookups.perSecond,
      lookupP50Ms: lookups.p50Ms,
      lookupP99Ms: lookups.p99Ms,
      totalsP50Ms: totals.p50,
      totalsP99Ms: totals.p99,
      pageP50Ms: pages.p50,
      pageP99Ms: pages.p99,
    }
  } finally {
    await indexer.stop()
    await database.drop()
  }
}

/** One after the other, each with an answer of its own. */
async function times(url: string, pathOf: (i: number) => string): Promise<{ p50: number; p99: number }> {
  const waits: number[] = []
  for (let i = 0; i < ROUNDS + 10; i++) {
    const from = performance.now()
    const answer = await fetch(url + pathOf(i))
    await answer.arrayBuffer()
    if (answer.status !== 200) throw new Error(`${pathOf(i)} answered ${answer.status}`)
    if (i >= 10) waits.push(performance.now() - from)
  }
  waits.sort((a, b) => a - b)
  return { p50: waits[ROUNDS / 2]!, p99: waits[Math.floor(ROUNDS * 0.99)]! }
}
