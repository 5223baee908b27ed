import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ProviderDatabase } from '../scripts/demo/provider-database.ts'
import { type LocalNetwork, startLocalNetwork } from '../scripts/network/local-network.ts'
import { SAMPLE_PROVIDERS } from '../scripts/network/parties.ts'
import { freePorts } from '../scripts/network/ports.ts'
import { type LoadResult, runLoad } from './load.ts'

export interface AuditBenchOptions {
  seconds: number
  warmUpSeconds: number
  connections: number
  /** Each kind is measured so often, in turn. */
  rounds: number
}
export interface Measured extends LoadResult {
  kind: 'bare fan-out' | 'countersigned'
  /** CPU milliseconds a query, by process. */
  cpuMsPerQuery: Record<string, number>
  /** Records on chain a second while the load ran; zero without recording. */
  recordedPerSecond: number
}

const BASELINE = { provider: 'bench/baseline/provider.ts', proxy: 'bench/baseline/proxy.ts' }
const INSURERS = SAMPLE_PROVIDERS.filter(({ queryTypes }) => queryTypes.includes('motor-insurance'))

/** Measures the proxy with three providers, with signatures and recording and without, in turn, on this machine. */
export async function measureAudit(
  options: AuditBenchOptions,
  onProgress: (line: string) => void,
): Promise<Measured[]> {
  const results: Measured[] = []
  for (let round = 1; round <= options.rounds; round++)
    for (const kind of ['bare fan-out', 'countersigned'] as const) {
      onProgress(`round ${round} of ${options.rounds}: ${kind}`)
      results.push(await measureOne(kind, options))
    }
  return results
}

async function measureOne(kind: Measured['kind'], options: AuditBenchOptions): Promise<Measured> {
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-bench-'))
  const network = await startLocalNetwork({
    folder,
    providers: INSURERS,
    ports: await freePorts(INSURERS.length),
    proxyEnv: { PROXY_RATE_PER_MINUTE: '10000000', LOG_LEVEL: 'warn' },
    providerEnv: () => ({ LOG_LEVEL: 'warn' }),
    ...(kind === 'bare fan-out' && { modules: BASELINE }),
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
    const before = await snapshot(network)
    const result = await runLoad({ ...load, seconds: options.seconds })
    const after = await snapshot(network)
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
    rmSync(folder, { recursive: true, force: true })
  }
}

function bodiesOf({ providers }: LocalNetwork): string[] {
  const database = new ProviderDatabase(providers[0]!.databaseFile)
  const subjects = database.someSubjects(20)
  database.close()
  return subjects.map((subject) => JSON.stringify({ type: 'motor-insurance', subject }))
}

async function snapshot(
  network: LocalNetwork,
): Promise<{ cpuSeconds: Record<string, number>; recorded: number }> {
  const cpuSeconds: Record<string, number> = {
    proxy: await cpuSecondsOf(network.proxy.url),
    'three providers': 0,
  }
  let recorded = 0
  for (const { url, databaseFile } of network.providers) {
    cpuSeconds['three providers']! += await cpuSecondsOf(url)
    const database = new ProviderDatabase(databaseFile)
    recorded += database.recordedCount()
    database.close()
  }
  return { cpuSeconds, recorded }
}

async function cpuSecondsOf(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_cpu_seconds_total\{[^}]*\} ([\d.e-]+)$/m.exec(metrics)?.[1] ?? Number.NaN)
}
