import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SingleBar } from 'cli-progress'
import { wholeNumber } from './cli/arguments.ts'
import { EXIT } from './cli/exit-code.ts'
import { printJson, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { playAuditStory } from './demo/audit-story.ts'
import { playCampaignStory } from './demo/campaign-story.ts'
import { playEvidenceStory } from './demo/evidence-story.ts'
import { playPaymentStory } from './demo/payment-story.ts'
import { isAsExpected, type Step, Story } from './demo/story.ts'
import { type LocalNetwork, startLocalNetwork } from './network/local-network.ts'
import { SAMPLE_PROVIDERS, SHARED_DATA_PROVIDERS } from './network/parties.ts'
import { freePorts } from './network/ports.ts'

interface Options {
  data?: string
  queries?: number
  keep?: boolean
  json?: boolean
}

/** Providers gather records this long: time enough to step in between an answer and its record. */
const FLUSH_MS = 400
/** The evidence server reads everything again that often: a fault need not be waited for long. */
const RECHECK_PAUSE_MS = 500
const SAMPLE_QUERIES = 40
const MAX_SHOWN = 60
let bar: SingleBar | undefined
let barName = ''
const REAL_QUERIES = 1_000

const command = createCommand(
  'demo',
  'Starts everything on free ports, plays the story of each system with its faults, and ends.',
  '0 every verdict is the expected one, 1 error, 2 another verdict',
)
  .option(
    '--data <folder>',
    'play on the real books of this folder instead of the sample that ships with the project',
  )
  .option(
    '--queries <count>',
    `questions before the campaigns (default: ${SAMPLE_QUERIES}, with --data ${REAL_QUERIES})`,
    wholeNumber(1, 100_000),
  )
  .option('--keep', 'keep databases and logs, and say where they are')
  .option('--json', 'print one JSON document: the stories, their steps, what was expected and what came')

void runCommand(command, async () => {
  const options = command.opts<Options>()
  const queries = options.queries ?? (options.data === undefined ? SAMPLE_QUERIES : REAL_QUERIES)
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-demo-'))
  const onStep = options.json ? undefined : showStep
  const [audit, payments, evidence] = [
    new Story('audit', onStep),
    new Story('payments', onStep),
    new Story('evidence', onStep),
  ]
  const stories = [audit, payments, evidence]
  const network = await start(folder, options)
  const interrupted = endOnSignal(network)
  try {
    await playAuditStory(network, audit)
    await playCampaignStory(network, audit, queries, showProgress)
    await playPaymentStory(network, payments)
    await playEvidenceStory(network, evidence)
  } finally {
    interrupted.forget()
    await network.stop()
    if (options.keep) say(`databases and logs are in ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
  if (options.json) printJson({ stories: stories.map(({ name, steps }) => ({ name, steps })) })
  else for (const story of stories) summarize(story)
  return stories.every(({ isAsExpected }) => isAsExpected) ? EXIT.consistent : EXIT.contradicted
})

async function start(folder: string, { data }: Options): Promise<LocalNetwork> {
  const providers = data === undefined ? SAMPLE_PROVIDERS : SHARED_DATA_PROVIDERS
  return startLocalNetwork({
    folder,
    providers,
    ports: await freePorts(providers.length),
    ...(data !== undefined && { dataFolder: path.resolve(data) }),
    providerEnv: () => ({ PROVIDER_FLUSH_MS: String(FLUSH_MS) }),
    evidenceEnv: { EVIDENCE_RECHECK_PAUSE_MS: String(RECHECK_PAUSE_MS) },
    onProgress: (step) => say(`… ${step}`),
  })
}

/** Ctrl-C ends the parties too. */
function endOnSignal(network: LocalNetwork): { forget(): void } {
  const end = (): void => {
    void network.stop().then(() => process.exit(130))
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  return {
    forget: () => {
      process.removeListener('SIGINT', end)
      process.removeListener('SIGTERM', end)
    },
  }
}

function showStep(step: Step): void {
  const shown = JSON.stringify(step.actual) ?? 'nothing'
  const actual = shown.length > MAX_SHOWN && isAsExpected(step) ? `${shown.slice(0, MAX_SHOWN)}…` : shown
  process.stdout.write(`${isAsExpected(step) ? 'ok    ' : 'WRONG '} ${step.name}: ${actual}\n`)
  if (!isAsExpected(step)) process.stdout.write(`       expected ${JSON.stringify(step.expected)}\n`)
}

function showProgress(done: number, total: number, what: string): void {
  if (!process.stderr.isTTY) return
  if (barName !== what) {
    bar?.stop()
    bar = new SingleBar({
      format: `${what} {bar} {value}/{total}, {eta_formatted} left`,
      clearOnComplete: true,
      stream: process.stderr,
    })
    bar.start(total, done)
    barName = what
  }
  bar!.update(done)
  if (done >= total) bar!.stop()
}

function summarize(story: Story): void {
  const wrong = story.steps.filter((step) => !isAsExpected(step)).length
  process.stdout.write(
    wrong === 0
      ? `${story.name}: all ${story.steps.length} steps came out as expected\n`
      : `${story.name}: ${wrong} of ${story.steps.length} steps did not come out as expected\n`,
  )
}
