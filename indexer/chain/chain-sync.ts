import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { bytesToHex, hexToBytes } from '../../protocol/hex.ts'
import type { IndexerMetrics } from '../metrics.ts'
import type { Checkpoint, Store } from '../store/store.ts'
import { BlockAppender } from './block-appender.ts'
import { ChainHeads } from './chain-heads.ts'
import { ChainIdentity } from './chain-identity.ts'
import type { ChainConfig, ChainView } from './chain-view.ts'
import { ChainWriter } from './chain-writer.ts'
import { Completeness, type ExpectedAuthor } from './completeness.ts'
import { type FollowedContracts, followContracts, toFollowed } from './contracts.ts'
import { areLinked, BLOCKS_A_STEP, blockOf } from './linked-headers.ts'
import { readBlockHeader, readBlockHeaders } from './log-source.ts'
import { RangeReader } from './range-reader.ts'
import type { Header } from './raw-log.ts'
import { Reorganisation } from './reorganisation.ts'
import { createRpcClient, type RpcClient } from './rpc-client.ts'
import { isRpcError } from './rpc-error.ts'
import type { WakeUp } from './wake-up.ts'

export interface ChainSyncDeps {
  config: ChainConfig
  store: Store
  log: Logger
  metrics: IndexerMetrics
  wakeUp: WakeUp
  /** Every author's head is compared with the chain's at least so often. */
  completenessCheckMs: number
  requestTimeoutMs?: number
  /** Authors that should be known, though nothing of theirs may have been seen. */
  expectedAuthors: (chainId: number) => Promise<ExpectedAuthor[]>
  /** Called after rows were written, with the tables that have new ones. */
  onCommit?: (view: ChainView, tables: readonly string[]) => void
}

export interface ChainSync {
  readonly view: ChainView
  readonly rpc: RpcClient
  /** Runs until `stop`; never throws: what goes wrong is in the view. */
  run(): Promise<void>
  stop(): Promise<void>
}

/** A gap of final blocks longer than this is read by ranges; a shorter one block by block, which proves more. */
const RANGE_GAP = 32
const MAX_BACKOFF_MS = 30_000

/**
 * Follows one chain: reads logs with its own cursor, links blocks by their hashes, rolls back what the chain takes back,
 * and holds each author's head against the chain's. Rows, heads and checkpoint are committed together.
 */
export function createChainSync(deps: ChainSyncDeps): ChainSync {
  const { config, store, metrics, wakeUp } = deps
  const log = deps.log.child({ chainId: config.chainId, chain: config.name })
  const abort = new AbortController()
  const { signal } = abort
  let running: Promise<void> | undefined
  let followed: FollowedContracts

  const identity = new ChainIdentity(config.chainId)
  const rpc = createRpcClient({
    urls: config.rpcUrls,
    name: config.name,
    ...(deps.requestTimeoutMs === undefined ? {} : { timeoutMs: deps.requestTimeoutMs }),
    identify: (endpoint) => identity.check(endpoint),
    onFailure: (error) => {
      metrics.endpointFailed(config.chainId, error.endpoint, error.failure)
      log.debug({ endpoint: error.endpoint, failure: error.failure, reason: error.message }, 'request failed')
    },
  })
  const view: ChainView = {
    config,
    state: 'starting',
    checkpoint: undefined,
    tip: undefined,
    heads: ChainHeads.load([], []),
    completeness: 'unverified',
    contracts: [],
    alarm: undefined,
    lastError: undefined,
    reorganisations: 0,
    endpoints: rpc.health,
  }
  const onCommit = (tables: readonly string[]): void => deps.onCommit?.(view, tables)
  const context = { config, store, rpc, view, log, metrics, signal }
  const completeness = new Completeness({
    ...context,
    checkEveryMs: deps.completenessCheckMs,
    expectedAuthors: deps.expectedAuthors,
    onRepair: onCommit,
  })
  const writer = new ChainWriter({ ...context, completeness, onCommit })
  const ranges = new RangeReader(context, writer)
  const appender = new BlockAppender({ ...context, completeness, writer })
  const reorganisation = new Reorganisation({ ...context, identity, appender })

  async function load(): Promise<void> {
    const stored = (await store.listChains()).find(({ chainId }) => chainId === config.chainId)
    if (stored !== undefined) identity.expect(bytesToHex(stored.genesisHash))
    const checkpoint = stored?.checkpoint ?? (await createChain())
    view.checkpoint = checkpoint
    view.heads = ChainHeads.load(
      await store.listHeads(config.chainId, checkpoint.number),
      await store.listIncomplete(config.chainId),
    )
    view.contracts = await followContracts(config, store, checkpoint)
    followed = toFollowed(view.contracts)
    for (const contract of view.contracts) await ranges.catchUp(contract)
  }

  /** The last block before any contract is where the index of a chain begins. */
  async function createChain(): Promise<Checkpoint> {
    const first = Math.min(...config.contracts.map(({ startBlock }) => startBlock))
    const start = Math.max(first - 1, 0)
    const [header] = await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, start, start))
    const checkpoint = { ...blockOf(header!), finalNumber: header!.number }
    await store.createChain({
      chainId: config.chainId,
      genesisHash: hexToBytes(identity.genesisHash!),
      checkpoint,
    })
    return checkpoint
  }

  /** One look at the chain. True when there may be more to read at once. */
  async function step(): Promise<boolean> {
    const tip = await rpc.withEndpoint((endpoint) => readBlockHeader(endpoint, 'latest'))
    const checkpoint = view.checkpoint!
    view.tip = { number: tip.number, timestamp: tip.timestamp }
    metrics.tip(config.chainId, tip.number, tip.timestamp)
    const isKnown = tip.hash === bytesToHex(checkpoint.hash)
    if (isKnown || tip.number > checkpoint.number) reorganisation.noteNotBehind()
    if (isKnown) return false
    if (tip.number <= checkpoint.number) return reorganisation.behindOrReplace(followed, tip)
    if (tip.number === checkpoint.number + 1) {
      if (tip.parentHash !== bytesToHex(checkpoint.hash)) return reorganisation.replace(followed, tip)
      await appender.append(followed, [tip], tip)
      return false
    }
    view.state = 'syncing'
    const finalNumber = tip.number - config.finalityDepth
    if (finalNumber - checkpoint.number > RANGE_GAP) return backfill(tip, finalNumber)
    const to = Math.min(checkpoint.number + BLOCKS_A_STEP, tip.number)
    const headers = await rpc.withEndpoint((endpoint) =>
      readBlockHeaders(endpoint, checkpoint.number + 1, to),
    )
    if (!areLinked(headers)) return true
    if (headers[0]!.parentHash !== bytesToHex(checkpoint.hash)) return reorganisation.replace(followed, tip)
    await appender.append(followed, headers, tip)
    return true
  }

  async function backfill(tip: Header, finalNumber: number): Promise<true> {
    const { number, hash } = view.checkpoint!
    const [onChain] = await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, number, number))
    if (onChain!.hash !== bytesToHex(hash)) return reorganisation.replace(followed, tip)
    await ranges.backfill(followed, finalNumber)
    return true
  }

  async function loop(): Promise<void> {
    let failures = 0
    let loaded = false
    while (!signal.aborted) {
      try {
        if (!loaded) {
          await load()
          loaded = true
        }
        while (await step()) signal.throwIfAborted()
        view.state = 'following'
        view.lastError = undefined
        if (failures > 0) log.info('chain answers again')
        failures = 0
        await completeness.check()
        await wakeUp.wait(signal)
      } catch (error) {
        if (signal.aborted) break
        if (isCountersignError(error)) return stopWith(error)
        failures++
        noteFailure(error, failures)
        const pause = Math.min(wakeUp.intervalMs * 2 ** Math.min(failures, 10), MAX_BACKOFF_MS)
        await sleep(pause, undefined, { signal }).catch(() => {})
      }
    }
  }

  function noteFailure(error: unknown, failures: number): void {
    view.state = 'unreachable'
    view.lastError = isRpcError(error) ? error.message : 'the store or the indexer itself failed'
    if (!isRpcError(error)) log.error({ err: error }, 'indexing failed')
    else if (failures === 1)
      log.warn({ failure: error.failure, reason: error.message }, 'chain cannot be read')
  }

  function stopWith(error: CountersignError): void {
    view.state = 'stopped'
    view.alarm = { code: error.code, message: error.message, action: error.action }
    metrics.stopped(config.chainId)
    log.error({ code: error.code, action: error.action }, error.message)
  }

  return {
    view,
    rpc,
    run() {
      running ??= loop()
      return running
    },
    async stop() {
      abort.abort()
      await running?.catch(() => {})
      await completeness.flush()
      await rpc.close()
    },
  }
}
