import path from 'node:path'
import { LOCAL_STATE_FILE } from './cli/connection.ts'
import { EXIT, type ExitCode } from './cli/exit-code.ts'
import { printTable, say } from './cli/output.ts'
import { createCommand, runCommand } from './cli/run.ts'
import { type LocalNetwork, startLocalNetwork, writeLocalState } from './network/local-network.ts'
import { SAMPLE_PROVIDERS, SHARED_DATA_PROVIDERS } from './network/parties.ts'
import { configuredPorts } from './network/ports.ts'

const FOLDER = path.dirname(LOCAL_STATE_FILE)

const command = createCommand(
  'start',
  'Runs two local chains, every party and the indexer until Ctrl-C. Local development only: the keys are known to everybody.\n' +
    'Ports: LENDERS_CHAIN_PORT, INSURERS_CHAIN_PORT, INDEXER_PORT, PROXY_PORT, TAX_OFFICE_PORT, EVIDENCE_PORT, PROVIDER_PORT (the first; the others follow).',
).option(
  '--data <folder>',
  'serve the real books of this folder instead of the sample that ships with the project',
)

void runCommand(command, async () => {
  const { data } = command.opts<{ data?: string }>()
  const providers = data === undefined ? SAMPLE_PROVIDERS : SHARED_DATA_PROVIDERS
  const network = await startLocalNetwork({
    folder: FOLDER,
    providers,
    ports: configuredPorts(providers.length),
    ...(data !== undefined && { dataFolder: path.resolve(data) }),
    onProgress: (step) => say(`… ${step}`),
  })
  writeLocalState(LOCAL_STATE_FILE, network)
  show(network)
  return untilInterrupted(network)
})

function show({ chains, providers, proxy, indexer, taxOffice, evidence, folder }: LocalNetwork): void {
  printTable(
    ['what', 'where', 'account'],
    [
      ['chain of the lenders (31337)', chains.lenders.url, ''],
      ['chain of the insurers (31338)', chains.insurers.url, ''],
      ['indexer', `${indexer.url}/docs`, ''],
      ['proxy', `${proxy.url}/docs`, proxy.address],
      ['tax office', `${taxOffice.url}/docs`, taxOffice.address],
      ['evidence server', `${evidence.url}/docs`, evidence.address],
      ...providers.map(({ declaration, url, address }) => [declaration.name, `${url}/docs`, address]),
    ],
  )
  process.stdout.write(`API key for the proxy: ${proxy.apiKey}\n`)
  process.stdout.write(`API key for the tax office: ${taxOffice.apiKey}\n`)
  process.stdout.write(`API key for the evidence server: ${evidence.apiKey}\n`)
  process.stdout.write(`Databases and logs: ${folder}\nReady. Ctrl-C ends everything.\n`)
}

function untilInterrupted(network: LocalNetwork): Promise<ExitCode> {
  return new Promise((resolve) => {
    const end = (): void => {
      say('… stopping')
      void network.stop().then(() => resolve(EXIT.consistent))
    }
    process.once('SIGINT', end)
    process.once('SIGTERM', end)
    const { proxy, indexer, taxOffice, evidence, providers, chains } = network
    const parties = [proxy, indexer, taxOffice, evidence, ...providers, ...Object.values(chains)].flatMap(
      ({ process }) => process ?? [],
    )
    for (const party of parties)
      party.onExit(() => say(`${party.name} ended; its log is in ${network.folder}/logs`))
  })
}
