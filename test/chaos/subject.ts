import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FaultPlan, NO_FAULTS } from '../support/fault-plan.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { addressBookOf } from '../support/indexer.ts'
import type { ChaosChain } from './chain.ts'
import { dumpOf, type Engine, type EngineName } from './engines.ts'
import { type IndexerProcess, type IndexerProcessOptions, spawnIndexer } from './indexer-process.ts'
import { scratchDirectory } from './scratch.ts'
import { FINALITY_DEPTH } from './script.ts'

export interface ChainStatus {
  state: string
  standing: { block: { number: number; hash: string }; completeness: string } | null
  alarm: { code: string; message: string; action: string } | null
  lastError: string | null
  /** Of record books: what their storage root says. */
  contracts: { wholeness?: { storageRoot: string } }[]
}

/** An indexer under test: its process, its database, and the endpoints between it and the chain. */
export interface Subject {
  readonly engine: EngineName
  readonly database: string
  readonly endpoints: readonly FaultProxy[]
  /** The one that runs, or ran last. */
  process(): IndexerProcess | undefined
  isRunning(): boolean
  /** Starts the process; does not wait for it to listen. */
  start(options?: IndexerProcessOptions): IndexerProcess
  /** Where it listens; undefined while it is down. */
  url(): string | undefined
  /** Of its one chain; undefined while it cannot be asked. */
  status(): Promise<ChainStatus | undefined>
  /** Resolves once it stands at this block, following, and complete. Rejects with what it said instead. */
  caughtUp(blockHash: () => string, timeoutMs: number, untilWhole?: boolean): Promise<void>
  dump(): Promise<string[]>
  /** Ends process and endpoints, and drops the database unless it is to be kept. */
  close(keep?: boolean): Promise<void>
}

export interface SubjectOptions {
  chain: ChaosChain
  engine: Engine
  plan?: FaultPlan
  endpoints?: number
  otherChain?: string
  environment?: Record<string, string>
}

export const POLL_MS = 20
export const COMPLETENESS_CHECK_MS = 300
const REQUEST_TIMEOUT_MS = 400

export async function createSubject(options: SubjectOptions): Promise<Subject> {
  const { chain, engine, plan = NO_FAULTS, otherChain } = options
  const directory = mkdtempSync(join(scratchDirectory(), 'chaos-subject-'))
  const { database, drop } = await engine.newDatabase()
  const endpoints = await Promise.all(
    Array.from({ length: options.endpoints ?? 1 }, (_, endpoint) =>
      startFaultProxy({
        target: chain.anvil.url,
        plan,
        endpoint,
        holdMs: REQUEST_TIMEOUT_MS * 3,
        ...(otherChain === undefined ? {} : { otherChain }),
      }),
    ),
  )
  const bookFile = join(directory, 'address-book.json')
  writeFileSync(
    bookFile,
    JSON.stringify(
      addressBookOf([
        {
          chainId: chain.anvil.chainId,
          rpcUrls: endpoints.map(({ url }) => url),
          contracts: chain.contracts,
          finalityDepth: FINALITY_DEPTH,
        },
      ]),
    ),
  )
  let current: IndexerProcess | undefined
  const isRunning = () => current !== undefined && !current.isGone()
  const url = () => (isRunning() ? current!.url() : undefined)

  async function status(): Promise<ChainStatus | undefined> {
    const at = url()
    if (at === undefined) return undefined
    try {
      const response = await fetch(`${at}/v1/status`, { signal: AbortSignal.timeout(5_000) })
      return ((await response.json()) as { chains: ChainStatus[] }).chains[0]
    } catch {
      return undefined
    }
  }

  return {
    engine: engine.name,
    database,
    endpoints,
    process: () => current,
    isRunning,
    start(processOptions) {
      current = spawnIndexer(
        {
          COUNTERSIGN_ADDRESS_BOOK: bookFile,
          INDEXER_DATABASE: database,
          INDEXER_POLL_MS: String(POLL_MS),
          INDEXER_COMPLETENESS_CHECK_MS: String(COMPLETENESS_CHECK_MS),
          INDEXER_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS),
          ...options.environment,
        },
        processOptions,
      )
      return current
    },
    url,
    status,
    async caughtUp(blockHash, timeoutMs, untilWhole = false) {
      const deadline = Date.now() + timeoutMs
      let last: ChainStatus | undefined
      while (Date.now() < deadline) {
        last = (await status()) ?? last
        const isThere =
          last?.state === 'following' &&
          last.standing?.completeness === 'complete' &&
          last.standing.block.hash === blockHash() &&
          (!untilWhole || isWhole(last))
        if (isThere) return
        if (last?.alarm != null) break
        if (!isRunning()) throw new Error(`the process ended: ${current?.output().slice(-2_000)}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      throw new Error(
        `not caught up: ${stateOf(last)}; logged last: ${lastWarnings(current?.output() ?? '')}`,
      )
    },
    dump: () => dumpOf(database),
    async close(keep = false) {
      if (isRunning()) await current!.kill()
      await Promise.all(endpoints.map((endpoint) => endpoint.stop()))
      if (keep) return
      await drop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Somebody unknown, all of whose logs were left out, is missed by no head: only the storage root of the book tells. */
const isWhole = ({ contracts }: ChainStatus): boolean =>
  contracts.every(({ wholeness }) => wholeness === undefined || wholeness.storageRoot === 'whole')

const stateOf = (status: ChainStatus | undefined): string => {
  if (status === undefined) return 'it cannot be asked'
  const { state, standing, alarm, lastError } = status
  return JSON.stringify({
    state,
    block: standing?.block.number,
    completeness: standing?.completeness,
    alarm,
    lastError,
  })
}

/** What it said at level warn and above, the end of it. */
const lastWarnings = (output: string): string =>
  output
    .split('\n')
    .filter((line) => !line.startsWith('{"level":30'))
    .slice(-4)
    .join(' ')
