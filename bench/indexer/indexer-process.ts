import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../scripts/network/ports.ts'
import { addressBookOf, testChain } from '../../test/support/indexer.ts'
import type { FilledChain } from './chain.ts'

/** The indexer as people run it: a process of its own with default settings, apart from where things are. */
export interface IndexerProcess {
  url: string
  /** Seconds from the start of the process until it said that it stands at the chain's head and is complete. */
  caughtUpAfter: number
  peakMemoryMiB(): number
  /** SIGTERM; resolves when the process is gone. */
  stop(): Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

const MAIN = new URL('../../indexer/main.ts', import.meta.url).pathname
const START_TIMEOUT_MS = 900_000

/** @param main the program to run in the indexer's place, if not `indexer/main.ts` */
export async function startIndexerProcess(
  { chain, contracts }: Pick<FilledChain, 'chain' | 'contracts'>,
  database: string,
  main: string = MAIN,
): Promise<IndexerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  const book = join(folder, 'address-book.json')
  writeFileSync(book, JSON.stringify(addressBookOf([testChain(chain, contracts)])))
  const { indexer: port } = await freePorts(0)
  const from = performance.now()
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      COUNTERSIGN_ADDRESS_BOOK: book,
      INDEXER_DATABASE: database,
      INDEXER_PORT: String(port),
      // One address asks for everything here.
      INDEXER_RATE_PER_MINUTE: '0',
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const gone = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await gone
  }
  try {
    await untilCaughtUp(child, chain, url)
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  return {
    url,
    caughtUpAfter: (performance.now() - from) / 1000,
    peakMemoryMiB: () => peakMemoryMiB(child.pid!),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

interface Status {
  chains: { state: string; standing: { block: { hash: string }; completeness: string } | null }[]
}

async function untilCaughtUp(child: ChildProcess, chain: FilledChain['chain'], url: string): Promise<void> {
  const { hash } = await chain.request<{ hash: string }>('eth_getBlockByNumber', ['latest', false])
  const deadline = Date.now() + START_TIMEOUT_MS
  for (;;) {
    const status = await fetch(`${url}/v1/status`).then(
      (answer) => answer.json() as Promise<Status>,
      () => undefined,
    )
    const reached = status?.chains?.[0]
    if (reached?.standing?.block.hash === hash && reached.standing.completeness === 'complete') return
    if (child.exitCode !== null) throw new Error(`the indexer ended with ${child.exitCode}`)
    if (Date.now() > deadline) throw new Error(`the indexer did not catch up: ${JSON.stringify(status)}`)
    await sleep(5)
  }
}

/** The most memory that the process ever held (`VmHWM`); Linux only, otherwise not a number. */
function peakMemoryMiB(pid: number): number {
  try {
    const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kib) / 1024
  } catch {
    return Number.NaN
  }
}
