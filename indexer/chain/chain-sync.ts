import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isCountersignError } from '../../protocol/errors.ts'
import { bytesToHex, hexToBytes } from '../../protocol/hex.ts'
import type { IndexerMetrics } from '../metrics.ts'
import type { Checkpoint, Store } from '../store/store.ts'
import { BlockAppender } from './block-appender.ts'
import { readBlockOfChain } from './block-source.ts'
import { ChainFollower } from './chain-follower.ts'
import { ChainHeads } from './chain-heads.ts'
import { ChainIdentity } from './chain-identity.ts'
import type { ChainConfig, ChainView } from './chain-view.ts'
import { ChainWriter } from './chain-writer.ts'
import { Completeness, type ExpectedAuthor } from './completeness.ts'
import { followContracts } from './contracts.ts'
import { EndpointWatch } from './endpoint-watch.ts'
import { Finality } from './finality.ts'
import { blockOf } from './linked-headers.ts'
import { RangeReader } from './range-reader.ts'
import { Reorganisation } from './reorganisation.ts'
import { restartedChain } from './restarted-chain.ts'
import { createRpcClient, type RpcClient } from './rpc-client.ts'
import { isRpcError } from './rpc-error.ts'
import { SyncTrouble } from './sync-trouble.ts'
import { createWakeUp, webSocketUrlOf } from './wake-up.ts'

export interface ChainSyncDeps {
  config: ChainConfig
  store: Store
  log: Logger
  metrics: IndexerMetrics
  /** Time between two looks at a chain that nothing announces heads of. */
  pollMs: number
  /** False: no endpoint is asked to announce heads over WebSocket. Default true. */
  webSocket?: boolean
  /** Every author's head is compared with the chain's at least so often. */
  completenessCheckMs: number
  requestTimeoutMs?: number
  /** Per endpoint; 0: no limit. */
  rpcRequestsPerSecond?: number
  maxRangeBlocks?: number
  /** Books with more records are not held against their storage root; 0, the default: none is. */
  storageRootMaxRecords?: number
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

/**
 * Follows one chain: reads logs with its own cursor, links blocks by their hashes, rolls back what the chain takes back,
 * and holds each author's head against the chain's. Rows, heads and checkpoint are committed together.
 */
export function createChainSync(deps: ChainSyncDeps): ChainSync {
  const { config, store, metrics } = deps
  const log = deps.log.child({ chainId: config.chainId, chain: config.name })
  const abort = new AbortController()
  const { signal } = abort
  let running: Promise<void> | undefined

  const identity = new ChainIdentity(config.chainId)
  const rpc = createRpcClient({
    urls: config.rpcUrls,
    name: config.name,
    ...(deps.requestTimeoutMs === undefined ? {} : { timeoutMs: deps.requestTimeoutMs }),
    ...(deps.rpcRequestsPerSecond === undefined ? {} : { requestsPerSecond: deps.rpcRequestsPerSecond }),
    ...(deps.maxRangeBlocks === undefined ? {} : { maxRangeBlocks: deps.maxRangeBlocks }),
    identify: (endpoint) => identity.check(endpoint),
    onAnswer: (endpoint, seconds) => metrics.endpointAnswered(config.chainId, endpoint, seconds),
    onFailure: (error) => {
      metrics.endpointFailed(config.chainId, error.endpoint, error.failure)
      log.debug({ endpoint: error.endpoint, failure: error.failure, reason: error.message }, 'request failed')
    },
    onAside: (endpoint, aside, reason) => {
      metrics.endpointAside(config.chainId, endpoint, aside)
      log.warn({ endpoint, aside, reason }, 'endpoint is set aside')
    },
  })
  const wakeUp = createWakeUp({
    pollMs: deps.pollMs,
    webSocketUrls:
      deps.webSocket === false ? [] : (config.webSocketUrls ?? config.rpcUrls.map(webSocketUrlOf)),
    onChange: (kind) => {
      metrics.wakeUp(config.chainId, kind)
      log.info({ wakeUp: kind }, 'heads are learnt of another way')
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
    wakeUp: () => wakeUp.kind,
  }
  const onCommit = (tables: readonly string[]): void => deps.onCommit?.(view, tables)
  const context = { config, store, rpc, view, log, metrics, signal }
  const completeness = new Completeness({
    ...context,
    checkEveryMs: deps.completenessCheckMs,
    storageRootMaxRecords: deps.storageRootMaxRecords ?? 0,
    expectedAuthors: deps.expectedAuthors,
    onRepair: onCommit,
  })
  const writer = new ChainWriter({ ...context, completeness, onCommit })
  const ranges = new RangeReader(context, writer)
  const appender = new BlockAppender({ ...context, completeness, writer })
  const reorganisation = new Reorganisation({ ...context, identity, appender })
  const finality = new Finality(config)
  const follower = new ChainFollower({ ...context, appender, finality, ranges, reorganisation, wakeUp })
  const watch = new EndpointWatch(context)
  const trouble = new SyncTrouble(context, wakeUp.intervalMs)

  /** What the store says, and nothing else: also after it failed, when what was committed is not known. */
  async function load(): Promise<void> {
    const stored = (await store.listChains()).find(({ chainId }) => chainId === config.chainId)
    if (stored !== undefined) identity.expect(bytesToHex(stored.genesisHash))
    const checkpoint = stored?.checkpoint ?? (await createChain())
    const heads = ChainHeads.load(
      await store.listHeads(config.chainId, checkpoint.number),
      await store.listIncomplete(config.chainId),
    )
    const contracts = await followContracts(config, store, checkpoint)
    const before = view.checkpoint
    view.checkpoint = checkpoint
    view.heads = heads
    view.contracts = contracts
    completeness.beginAnew()
    follower.follow(contracts)
    if (before === undefined || Buffer.compare(before.hash, checkpoint.hash) === 0) return
    // A commit came through of which nobody was told. It may have rolled back, as far as what was final then.
    completeness.noteRollback(Math.min(before.finalNumber, checkpoint.number))
    onCommit([])
  }

  /** The last block before any contract is where the index of a chain begins. */
  async function createChain(): Promise<Checkpoint> {
    const first = Math.min(...config.contracts.map(({ startBlock }) => startBlock))
    const start = Math.max(first - 1, 0)
    const header = await rpc.withEndpoint((endpoint) =>
      readBlockOfChain(endpoint, identity.genesisHash!, start),
    )
    const checkpoint = { ...blockOf(header), finalNumber: header.number }
    await store.createChain({
      chainId: config.chainId,
      genesisHash: hexToBytes(identity.genesisHash!),
      checkpoint,
    })
    return checkpoint
  }

  async function loop(): Promise<void> {
    let loaded = false
    while (!signal.aborted) {
      let pause: number | undefined
      try {
        if (!loaded) {
          await completeness.exclusively(load)
          loaded = true
        }
        // Repairs write between two steps: what a step began from must not change under it.
        while (await completeness.exclusively(() => follower.step())) signal.throwIfAborted()
        view.state = 'following'
        trouble.clear()
        await completeness.check()
        await watch.look()
      } catch (error) {
        if (signal.aborted) break
        if (isCountersignError(error) && !error.retryable) return trouble.raise(error)
        pause = trouble.note(error)
        if (!isRpcError(error)) loaded = false
        if (trouble.isLongBehind) await explainBehind()
      }
      if (pause === undefined) await wakeUp.wait(signal)
      else await sleep(pause, undefined, { signal }).catch(() => {})
    }
  }

  /** A node that began anew looks like one that is behind, for ever. It is asked on: it may have been syncing after all. */
  async function explainBehind(): Promise<void> {
    const alarm = await restartedChain(context).catch(() => undefined)
    if (alarm !== undefined) trouble.raise(alarm)
    else if (view.alarm !== undefined) trouble.lift()
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
      wakeUp.close()
      await completeness.end()
      await rpc.close()
    },
  }
}
