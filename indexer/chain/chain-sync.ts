import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import { bytesToHex, type Hex } from '../../protocol/hex.ts'
import type { IndexerMetrics } from '../metrics.ts'
import type { Checkpoint, HeadRow, Store, StoredChain } from '../store/store.ts'
import { readBlockTimes } from './block-times.ts'
import { type BloomCheck, createBloomCheck, isBloomAbsent } from './bloom-check.ts'
import { type AuthorHead, ChainHeads } from './chain-heads.ts'
import type { ChainConfig, ChainView } from './chain-view.ts'
import { CommitDraft } from './commit-draft.ts'
import { Completeness, type ExpectedAuthor } from './completeness.ts'
import { followContracts } from './contracts.ts'
import { decodeLogs, type IndexedContract } from './decode-logs.ts'
import {
  type LogFilter,
  readBlockHeader,
  readBlockHeaders,
  readBlockLogs,
  readLogRanges,
} from './log-source.ts'
import type { Header, RawLog } from './raw-log.ts'
import { createRpcClient, type RpcClient } from './rpc-client.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError, RpcError } from './rpc-error.ts'
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
const BLOCKS_A_STEP = 64
const MAX_BACKOFF_MS = 30_000
/** How long a head behind ours may be a slow node before it counts as a chain cut back. */
const BEHIND_GRACE_MS = 1_500
/** Pauses before asking again for logs that a bloom announces and the node leaves out: it may still be writing them. */
const BLOOM_PAUSES_MS = [20, 100]

/**
 * Follows one chain: reads logs with its own cursor, links blocks by their hashes, rolls back what the chain takes back,
 * and holds each author's head against the chain's. Rows, heads and checkpoint are committed together.
 */
export function createChainSync(deps: ChainSyncDeps): ChainSync {
  const { config, store, metrics, wakeUp } = deps
  const log = deps.log.child({ chainId: config.chainId, chain: config.name })
  const abort = new AbortController()
  const { signal } = abort
  let genesisHash: Hex | undefined
  let behindSince: number | undefined
  let running: Promise<void> | undefined
  let bloom: BloomCheck
  let filter: LogFilter
  let contractsByAddress: ReadonlyMap<string, IndexedContract>

  const rpc = createRpcClient({
    urls: config.rpcUrls,
    name: config.name,
    ...(deps.requestTimeoutMs === undefined ? {} : { timeoutMs: deps.requestTimeoutMs }),
    identify,
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
  const completeness = new Completeness({
    view,
    store,
    rpc,
    log,
    metrics,
    signal,
    checkEveryMs: deps.completenessCheckMs,
    expectedAuthors: deps.expectedAuthors,
    onRepair: (tables) => deps.onCommit?.(view, tables),
  })

  /** Run for every endpoint before its first answer is believed, and again after it was away. */
  async function identify(endpoint: RpcEndpoint): Promise<void> {
    const [chainId, genesis] = await endpoint.batch<[unknown, { hash?: unknown } | null]>([
      { method: 'eth_chainId', params: [] },
      { method: 'eth_getBlockByNumber', params: ['0x0', false] },
    ])
    if (Number(chainId) !== config.chainId)
      throw new CountersignError(
        'CHAIN_MISMATCH',
        `${endpoint.name} answers for chain ${Number(chainId)}, not ${config.chainId}`,
      )
    const hash = genesis?.hash
    if (typeof hash !== 'string')
      throw new RpcError('malformed', endpoint.name, `${endpoint.name}: no genesis block`)
    if (genesisHash !== undefined && hash !== genesisHash)
      throw new CountersignError(
        'CHAIN_REPLACED',
        `${endpoint.name}: the genesis block of chain ${config.chainId} is ${hash}, the index was made from ${genesisHash}`,
      )
    genesisHash = hash as Hex
  }

  async function load(): Promise<void> {
    const stored = (await store.listChains()).find(({ chainId }) => chainId === config.chainId)
    if (stored !== undefined) genesisHash = bytesToHex(stored.genesisHash)
    const checkpoint = stored?.checkpoint ?? (await createChain()).checkpoint
    view.checkpoint = checkpoint
    view.heads = ChainHeads.load(
      await store.listHeads(config.chainId, checkpoint.number),
      await store.listIncomplete(config.chainId),
    )
    view.contracts = await followContracts(config, store, checkpoint)
    contractsByAddress = new Map(
      view.contracts.map((contract) => [bytesToHex(contract.stored.address), contract]),
    )
    filter = {
      address: [...contractsByAddress.keys()],
      topics: [[...new Set(view.contracts.flatMap(({ projection }) => [...projection.events.keys()]))]],
    }
    bloom = createBloomCheck(view.contracts)
    for (const contract of view.contracts) await catchUp(contract)
  }

  /** The first block before any contract is where the index of a chain begins. */
  async function createChain(): Promise<StoredChain> {
    const first = Math.min(...config.contracts.map(({ startBlock }) => startBlock))
    const header = await rpc.withEndpoint((endpoint) =>
      readBlockHeaders(endpoint, Math.max(first - 1, 0), Math.max(first - 1, 0)),
    )
    const chain = {
      chainId: config.chainId,
      genesisHash: toBytes(genesisHash!),
      checkpoint: { ...checkpointOf(header[0]!), finalNumber: header[0]!.number },
    }
    await store.createChain(chain)
    return chain
  }

  /** Reads a contract that was added to the address book later, up to where the others stand. */
  async function catchUp(contract: IndexedContract): Promise<void> {
    const checkpoint = view.checkpoint!
    const done = contract.stored.caughtUpTo
    if (done === null) return
    const address = bytesToHex(contract.stored.address)
    const own = new Map([[address, contract]])
    const topics = [[...contract.projection.events.keys()]]
    for await (const { from, to, logs, endpoint } of readLogRanges({
      rpc,
      filter: { address: [address], topics },
      from: done + 1,
      to: checkpoint.number,
      signal,
    })) {
      const draft = newDraft(checkpoint.finalNumber, view.heads)
      await readBlockTimes(
        rpc,
        decodeLogs({ logs, fromBlock: from, toBlock: to, endpoint }, own, draft),
        draft,
      )
      await commit(draft, checkpoint, {
        caughtUp: {
          contractId: contract.stored.contractId,
          block: to === checkpoint.number ? null : to,
        },
      })
    }
    contract.stored.caughtUpTo = null
  }

  const newDraft = (finalNumber: number, heads: ChainHeads): CommitDraft =>
    new CommitDraft({
      chainId: config.chainId,
      finalNumber,
      baseOf: (contractId, author) => heads.find(contractId, author),
    })

  async function commit(
    draft: CommitDraft,
    checkpoint: Checkpoint,
    more: { rollbackTo?: number; caughtUp?: { contractId: number; block: number | null } } = {},
  ): Promise<void> {
    const rows = draft.rows()
    const heads: HeadRow[] = draft.heads()
    // What was verified is written with the next rows: a write of its own would cost a flush of the disk.
    const verified = completeness.takeVerified()
    await store.commit({
      chainId: config.chainId,
      blocks: [...draft.blocks.values()],
      rows,
      heads,
      checkpoint,
      verified,
      ...more,
    })
    // From here to the end nothing is awaited: whoever reads the view sees all of it or nothing.
    if (more.rollbackTo !== undefined)
      view.heads.reload(await store.listHeads(config.chainId, checkpoint.number))
    else for (const head of heads) view.heads.update(head)
    view.checkpoint = checkpoint
    if ((heads.length > 0 || more.rollbackTo !== undefined) && view.completeness === 'complete')
      view.completeness = 'unverified'
    metrics.committed(config.chainId, checkpoint.number, draft.eventCount)
    const tables = rows.map(({ table }) => table as string)
    if (tables.length > 0 || more.rollbackTo !== undefined) deps.onCommit?.(view, tables)
    if (draft.eventCount > 0)
      log.debug({ block: checkpoint.number, events: draft.eventCount }, 'events indexed')
  }

  /** One look at the chain. True when there may be more to read at once. */
  async function step(): Promise<boolean> {
    const tip = await rpc.withEndpoint((endpoint) => readBlockHeader(endpoint, 'latest'))
    const checkpoint = view.checkpoint!
    view.tip = { number: tip.number, timestamp: tip.timestamp }
    metrics.tip(config.chainId, tip.number, tip.timestamp)
    const isKnown = tip.hash === bytesToHex(checkpoint.hash)
    if (isKnown || tip.number > checkpoint.number) behindSince = undefined
    if (isKnown) return false
    if (tip.number <= checkpoint.number) return behindOrReorganised(tip)
    if (tip.number === checkpoint.number + 1) {
      if (tip.parentHash !== bytesToHex(checkpoint.hash)) return reorganise(tip)
      await append([tip], tip)
      return false
    }
    view.state = 'syncing'
    const finalNumber = tip.number - config.finalityDepth
    if (finalNumber - checkpoint.number > RANGE_GAP) return backfill(tip, finalNumber)
    const headers = await rpc.withEndpoint((endpoint) =>
      readBlockHeaders(
        endpoint,
        checkpoint.number + 1,
        Math.min(checkpoint.number + BLOCKS_A_STEP, tip.number),
      ),
    )
    if (!areLinked(headers)) return true
    if (headers[0]!.parentHash !== bytesToHex(checkpoint.hash)) return reorganise(tip)
    await append(headers, tip)
    return true
  }

  async function backfill(tip: Header, finalNumber: number): Promise<boolean> {
    const checkpoint = view.checkpoint!
    const [onChain] = await rpc.withEndpoint((endpoint) =>
      readBlockHeaders(endpoint, checkpoint.number, checkpoint.number),
    )
    if (onChain!.hash !== bytesToHex(checkpoint.hash)) return reorganise(tip)
    for await (const range of readLogRanges({
      rpc,
      filter,
      from: checkpoint.number + 1,
      to: finalNumber,
      signal,
    })) {
      const { from, to, header, logs, endpoint } = range
      const draft = newDraft(finalNumber, view.heads)
      const hashOf = (block: number) => (block === to ? header.hash : undefined)
      const withoutTime = decodeLogs(
        { logs, fromBlock: from, toBlock: to, endpoint, hashOf },
        contractsByAddress,
        draft,
      )
      await readBlockTimes(rpc, withoutTime, draft)
      await commit(draft, { ...checkpointOf(header), finalNumber })
    }
    return true
  }

  /** Takes in consecutive blocks whose headers link to the checkpoint, or to `rollbackTo`. */
  async function append(
    headers: readonly Header[],
    tip: Header,
    rollbackTo?: { number: number; header: Header },
  ): Promise<void> {
    const finalNumber = Math.max(view.checkpoint!.finalNumber, tip.number - config.finalityDepth)
    const heads =
      rollbackTo === undefined
        ? view.heads
        : ChainHeads.load(await store.listHeads(config.chainId, rollbackTo.number), [])
    const draft = newDraft(finalNumber, heads)
    const { logs, endpoint, suspects } = await readLogsOf(headers, heads)
    headers.forEach((header, i) => {
      const { number, hash, timestamp } = header
      const ofBlock = { logs: logs[i]!, fromBlock: number, toBlock: number, endpoint, hashOf: () => hash }
      if (
        ofBlock.logs.length > 0 &&
        !isBloomAbsent(header.logsBloom) &&
        !bloom.suggestsLogs(header.logsBloom)
      )
        throw new RpcError(
          'malformed',
          endpoint,
          `${endpoint}: logs of block ${number} are not in the bloom of its header`,
        )
      decodeLogs(ofBlock, contractsByAddress, draft)
      if (number > finalNumber || ofBlock.logs.length > 0)
        draft.blocks.set(number, { number, hash: toBytes(hash), timestamp })
    })
    const last = headers.at(-1) ?? rollbackTo!.header
    await commit(
      draft,
      { ...checkpointOf(last), finalNumber },
      rollbackTo === undefined ? {} : { rollbackTo: rollbackTo.number },
    )
    completeness.suspect(suspects)
  }

  /**
   * Logs of each block, by its hash. Where the bloom announces logs that did not come, they are asked for again; and
   * authors that the bloom announces are checked, whether or not something of theirs came.
   */
  async function readLogsOf(
    headers: readonly Header[],
    heads: ChainHeads,
  ): Promise<{ logs: RawLog[][]; endpoint: string; suspects: AuthorHead[] }> {
    const logs: RawLog[][] = headers.map(() => [])
    let endpointName = config.name
    let asked = headers.flatMap((header, i) => (header.transactionCount > 0 ? [i] : []))
    for (const pause of [0, ...BLOOM_PAUSES_MS]) {
      if (asked.length === 0) break
      if (pause > 0) await sleep(pause, undefined, { signal })
      await rpc.withEndpoint(async (endpoint) => {
        const answers = await readBlockLogs(
          endpoint,
          filter,
          asked.map((i) => headers[i]!),
        )
        endpointName = endpoint.name
        answers.forEach((answer, at) => {
          logs[asked[at]!] = answer
        })
      })
      if (pause > 0 && asked.some((i) => logs[i]!.length > 0)) {
        metrics.logsMissed(config.chainId, endpointName)
        log.warn({ endpoint: endpointName }, 'logs announced by a bloom came only when asked for again')
      }
      asked = asked.filter((i) => logs[i]!.length === 0 && bloom.suggestsLogs(headers[i]!.logsBloom))
    }
    const suspects = headers.flatMap(({ logsBloom }) =>
      bloom.suggestsLogs(logsBloom) ? bloom.suggestedAuthors(logsBloom, heads) : [],
    )
    return { logs, endpoint: endpointName, suspects }
  }

  /** The chain's head is not above ours: a slow node, a chain cut back, or another branch. */
  async function behindOrReorganised(tip: Header): Promise<boolean> {
    const checkpoint = view.checkpoint!
    const stored =
      tip.number === checkpoint.number
        ? checkpoint.hash
        : (await store.findBlock(config.chainId, tip.number))?.hash
    if (stored !== undefined && bytesToHex(stored) !== tip.hash) return reorganise(tip)
    behindSince ??= Date.now()
    if (Date.now() - behindSince < BEHIND_GRACE_MS) return false
    const block = await rpc.request('eth_getBlockByHash', [bytesToHex(checkpoint.hash), false])
    if (block !== null) return false
    behindSince = undefined
    return reorganise(tip)
  }

  /** Finds the last block that we and the chain share, rolls back to it and takes in the new branch: one commit. */
  async function reorganise(tip: Header): Promise<boolean> {
    const checkpoint = view.checkpoint!
    await rpc.withEndpoint(identify)
    const ancestor = await commonAncestor(tip)
    if (ancestor === undefined)
      throw new CountersignError(
        'CHAIN_REORGANISED_PAST_FINALITY',
        `chain ${config.chainId} no longer has block ${Math.min(checkpoint.number, checkpoint.finalNumber)}, which counted as final (depth ${config.finalityDepth}); its head is block ${tip.number}`,
      )
    const to = Math.min(tip.number, Math.max(checkpoint.number, ancestor.number + BLOCKS_A_STEP))
    const headers =
      to > ancestor.number
        ? await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, ancestor.number + 1, to))
        : []
    if (!areLinked([ancestor, ...headers])) return true
    await append(headers, tip, { number: ancestor.number, header: ancestor })
    view.reorganisations++
    metrics.reorganised(config.chainId, checkpoint.number - ancestor.number)
    log.warn(
      { from: checkpoint.number, ancestor: ancestor.number, to },
      'chain reorganised: rolled back and replayed',
    )
    return true
  }

  async function commonAncestor(tip: Header): Promise<Header | undefined> {
    const checkpoint = view.checkpoint!
    let to = Math.min(checkpoint.number, tip.number)
    while (to >= checkpoint.finalNumber) {
      const from = Math.max(to - BLOCKS_A_STEP + 1, checkpoint.finalNumber)
      const headers = await rpc.withEndpoint((endpoint) => readBlockHeaders(endpoint, from, to))
      for (const header of headers.reverse()) {
        const stored =
          header.number === checkpoint.number
            ? checkpoint.hash
            : (await store.findBlock(config.chainId, header.number))?.hash
        if (stored !== undefined && bytesToHex(stored) === header.hash) return header
      }
      to = from - 1
    }
    return undefined
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

const toBytes = (hex: string): Uint8Array => Buffer.from(hex.slice(2), 'hex')

const checkpointOf = ({ number, hash, timestamp }: Header) => ({ number, hash: toBytes(hash), timestamp })

const areLinked = (headers: readonly Header[]): boolean =>
  headers.every(
    ({ number, parentHash }, i) =>
      i === 0 || (parentHash === headers[i - 1]!.hash && number === headers[i - 1]!.number + 1),
  )
