import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { withProviderDatabase } from '../scripts/demo/provider-database.ts'
import { type LocalNetwork, startLocalNetwork } from '../scripts/network/local-network.ts'
import { SAMPLE_PROVIDERS } from '../scripts/network/parties.ts'
import { freePorts } from '../scripts/network/ports.ts'
import { startAnvil } from '../test/support/anvil.ts'
import { cpuSecondsOf } from './cpu-time.ts'
import { type LoadResult, runLoad } from './load.ts'

export interface AuditBenchOptions {
  seconds: number
  warmUpSeconds: number
  connections: number
  /** Each kind is measured so often, in turn. */
  rounds: number
}
/**
 * - `countersigned`: the product, contemporaneous
 * - `signatures and recording off`: the same processes without them; answers are still made, hashed, checked and kept
 * - `bare fan-out`: HTTP and a look-up, nothing hashed, checked or kept
 */
export const KINDS = ['bare fan-out', 'signatures and recording off', 'countersigned'] as const
export type Kind = (typeof KINDS)[number]

export interface Measured extends LoadResult {
  kind: Kind
  /** CPU milliseconds a query, by process. */
  cpuMsPerQuery: Record<string, number>
  /** Records on chain a second while the load ran; zero without recording. */
  recordedPerSecond: number
}

const modulesIn = (folder: string) => ({
  provider: `bench/${folder}/provider.ts`,
  proxy: `bench/${folder}/proxy.ts`,
})
const MODULES: Record<Kind, ReturnType<typeof modulesIn> | undefined> = {
  'bare fan-out': modulesIn('bare'),
  'signatures and recording off': modulesIn('unsigned'),
  countersigned: undefined,
}
// A block's room is not what is measured.
const CHAIN_FLAGS = ['--gas-limit', '60000000', '--prune-history']
const INSURERS = SAMPLE_PROVIDERS.filter(({ queryTypes }) => queryTypes.includes('motor-insurance'))

/** Measures the proxy with three providers, with signatures and recording and without, in turn, on this machine. */
export async function measureAudit(
  options: AuditBenchOptions,
  onProgress: (line: string) => void,
): Promise<Measured[]> {
  const results: Measured[] = []
  for (let round = 1; round <= options.rounds; round++)
    for (const kind of KINDS) {
      onProgress(`round ${round} of ${options.rounds}: ${kind}`)
      results.push(await measureOne(kind, options))
    }
  return results
}

async function measureOne(kind: Measured['kind'], options: AuditBenchOptions): Promise<Measured> {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-bench-'))
  const [lenders, insurers] = await Promise.all([
    startAnvil({ chainId: 31337, accounts: 10, flags: CHAIN_FLAGS }),
    startAnvil({ chainId: 31338, accounts: 10, flags: CHAIN_FLAGS }),
  ])
  const network = await startLocalNetwork({
    folder,
    providers: INSURERS,
    chainUrls: { lenders: lenders.url, insurers: insurers.url },
    ports: await freePorts(INSURERS.length),
    proxyEnv: { PROXY_RATE_PER_MINUTE: '10000000', LOG_LEVEL: 'warn' },
    providerEnv: () => ({ LOG_LEVEL: 'warn' }),
    ...(MODULES[kind] && { modules: MODULES[kind] }),
  })
  try {
    // What is measured is the parties; the index would share their two cores.
    await network.indexer.process.stop()
    const load = {
      url: network.proxy.url,
      apiKey: network.proxy.apiKey,
      connections: options.connections,
      bodies: bodiesOf(network),
    }
    await runLoad({ ...load, seconds: options.warmUpSeconds })
    const before = snapshot(network, insurers.pid)
    const result = await runLoad({ ...load, seconds: options.seconds })
    const after = snapshot(network, insurers.pid)
    const queries = result.perSecond * options.seconds
    const cpuMsPerQuery = Object.fromEntries(
      Object.entries(after.cpuSeconds).map(([name, seconds]) => [
        name,
        ((seconds - before.cpuSeconds[name]!) * 1000) / queries,
      ]),
    )
    return {
      kind,
      ...result,
      cpuMsPerQuery,
      recordedPerSecond: (after.recorded - before.recorded) / options.seconds,
    }
  } finally {
    await network.stop()
    await Promise.all([lenders.stop(), insurers.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
}

function bodiesOf({ providers }: LocalNetwork): string[] {
  const subjects = withProviderDatabase(providers[0]!, (database) => database.someSubjects(20))
  return subjects.map((subject) => JSON.stringify({ type: 'motor-insurance', subject }))
}

function snapshot(
  network: LocalNetwork,
  chainPid: number,
): { cpuSeconds: Record<string, number>; recorded: number } {
  let recorded = 0
  let providers = 0
  for (const provider of network.providers) {
    providers += cpuSecondsOf(provider.process.pid!)
    recorded += withProviderDatabase(provider, (database) => database.recordedCount())
  }
  return {
    recorded,
    cpuSeconds: {
      proxy: cpuSecondsOf(network.proxy.process.pid!),
      'three providers': providers,
      chain: cpuSecondsOf(chainPid),
      load: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    },
  }
}
