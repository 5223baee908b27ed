import { setTimeout as sleep } from 'node:timers/promises'
import { readBlockLogs } from './block-source.ts'
import { isBloomAbsent } from './bloom-check.ts'
import { type AuthorHead, ChainHeads } from './chain-heads.ts'
import type { ChainWriter } from './chain-writer.ts'
import type { Completeness } from './completeness.ts'
import type { FollowedContracts } from './contracts.ts'
import { decodeLogs } from './decode-logs.ts'
import { blockOf } from './linked-headers.ts'
import type { Header, RawLog } from './raw-log.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'
import { isRpcError, RpcError } from './rpc-error.ts'
import type { Omission } from './served-by.ts'
import type { SyncContext } from './sync-context.ts'

/** Pauses before asking again for logs that a bloom announces and the node leaves out: it may still be writing them. */
const BLOOM_PAUSES_MS = [20, 100]
/** Logs that one request for several blocks should bring, about 4 MB of JSON. */
const TARGET_LOGS = 4_000
const FIRST_BLOCKS_A_REQUEST = 4
const MAX_BLOCKS_A_REQUEST = 64

export interface BlockAppenderDeps extends SyncContext {
  completeness: Completeness
  writer: ChainWriter
}

/** Consecutive blocks to take in. */
export interface BlocksToAppend {
  /** They link to the checkpoint, or to `ancestor`. */
  headers: readonly Header[]
  finalNumber: number
  /** Block to roll back to first, in the same commit. */
  ancestor?: Header
  /** Logs of each block, when they came with the headers. */
  logs?: readonly RawLog[][]
}

/** Takes in consecutive blocks, one by one, each with its logs by its hash, and holds the logs against the blooms. */
export class BlockAppender {
  readonly #deps: BlockAppenderDeps
  /** Adapts to how many logs the blocks have. */
  #blocksARequest = FIRST_BLOCKS_A_REQUEST

  constructor(deps: BlockAppenderDeps) {
    this.#deps = deps
  }

  /** How many blocks are best asked for at once. */
  get blocksARequest(): number {
    return this.#blocksARequest
  }

  async append(endpoint: RpcEndpoint, contracts: FollowedContracts, blocks: BlocksToAppend): Promise<void> {
    const { headers, logs, ancestor } = blocks
    // Another branch takes its place at once; what only follows is written as it comes.
    if (logs !== undefined || ancestor !== undefined) return this.#appendAtOnce(endpoint, contracts, blocks)
    for (let at = 0; at < headers.length; ) {
      const some = headers.slice(at, at + this.#blocksARequest)
      await this.#appendAtOnce(endpoint, contracts, { ...blocks, headers: some })
      at += some.length
    }
  }

  async #appendAtOnce(
    endpoint: RpcEndpoint,
    contracts: FollowedContracts,
    blocks: BlocksToAppend,
  ): Promise<void> {
    const { config, store, view, completeness, writer } = this.#deps
    const { headers, ancestor, finalNumber } = blocks
    const { name } = endpoint
    const heads =
      ancestor === undefined
        ? view.heads
        : ChainHeads.load(await store.listHeads(config.chainId, ancestor.number), [])
    const draft = writer.newDraft(finalNumber, heads)
    const logs = await this.#withAnnounced(
      endpoint,
      contracts,
      headers,
      blocks.logs ?? (await this.#readLogs(endpoint, contracts, headers)),
    )
    headers.forEach((header, i) => {
      const { number, hash, logsBloom } = header
      const ofBlock = {
        logs: logs[i]!,
        fromBlock: number,
        toBlock: number,
        endpoint: name,
        hashOf: () => hash,
      }
      if (ofBlock.logs.length > 0 && !isBloomAbsent(logsBloom) && !contracts.bloom.suggestsLogs(logsBloom))
        throw new RpcError(
          'contradiction',
          name,
          `${name}: logs of block ${number} are not in the bloom of its header`,
        )
      decodeLogs(ofBlock, contracts.byAddress, draft)
      // The last final block too: a reorganisation may begin right above it.
      if (number >= finalNumber || ofBlock.logs.length > 0) draft.blocks.set(number, blockOf(header))
    })
    await writer.commit(
      draft,
      { ...blockOf(headers.at(-1) ?? ancestor!), finalNumber },
      ancestor === undefined ? {} : { rollbackTo: ancestor.number },
    )
    headers.forEach((header, i) => {
      const { number, logsBloom } = header
      completeness.served.note(number, number, name)
      completeness.suspect(suspectsOf(contracts, logsBloom, view.heads))
      if (logs[i]!.length === 0 && contracts.bloom.suggestsLogs(logsBloom))
        completeness.noteUnexplained(header)
    })
  }

  async #readLogs(
    endpoint: RpcEndpoint,
    { filter }: FollowedContracts,
    headers: readonly Header[],
  ): Promise<RawLog[][]> {
    const logs: RawLog[][] = headers.map(() => [])
    const asked = headers.flatMap((header, i) => (header.transactionCount > 0 ? [i] : []))
    for (let at = 0; at < asked.length; ) {
      const some = asked.slice(at, at + this.#blocksARequest)
      try {
        const answers = await readBlockLogs(
          endpoint,
          filter,
          some.map((i) => headers[i]!.hash),
        )
        for (const [n, answer] of answers.entries()) logs[some[n]!] = answer
        this.#adapt(
          some.length,
          answers.reduce((sum, { length }) => sum + length, 0),
        )
        at += some.length
      } catch (error) {
        if (!isRpcError(error, 'range-too-large') || some.length === 1) throw error
        this.#blocksARequest = Math.max(Math.floor(some.length / 2), 1)
      }
    }
    return logs
  }

  #adapt(blocks: number, logs: number): void {
    const factor = Math.min(Math.max(TARGET_LOGS / Math.max(logs, 1), 0.25), 4)
    this.#blocksARequest = Math.min(Math.max(Math.floor(blocks * factor), 1), MAX_BLOCKS_A_REQUEST)
  }

  /** Where the bloom announces logs that did not come they are asked for again, at last of the other endpoints. */
  async #withAnnounced(
    endpoint: RpcEndpoint,
    { filter, bloom }: FollowedContracts,
    headers: readonly Header[],
    came: readonly RawLog[][],
  ): Promise<RawLog[][]> {
    const { config, metrics, log, signal } = this.#deps
    const logs = [...came]
    const isAnnounced = (i: number) => logs[i]!.length === 0 && bloom.suggestsLogs(headers[i]!.logsBloom)
    let missing = headers.flatMap((_, i) => (isAnnounced(i) ? [i] : []))
    for (const pause of BLOOM_PAUSES_MS) {
      if (missing.length === 0) return logs
      await sleep(pause, undefined, { signal })
      const hashes = missing.map((i) => headers[i]!.hash)
      for (const [n, answer] of (await readBlockLogs(endpoint, filter, hashes)).entries())
        logs[missing[n]!] = answer
      if (missing.some((i) => logs[i]!.length > 0)) {
        metrics.logsMissed(config.chainId, endpoint.name)
        log.warn({ endpoint: endpoint.name }, 'logs announced by a bloom came only when asked for again')
      }
      missing = missing.filter(isAnnounced)
    }
    if (missing.length > 0) await this.#askOthers(endpoint, filter, headers, missing, logs)
    return logs
  }

  async #askOthers(
    endpoint: RpcEndpoint,
    filter: FollowedContracts['filter'],
    headers: readonly Header[],
    missing: readonly number[],
    logs: RawLog[][],
  ): Promise<void> {
    const { config, rpc, metrics } = this.#deps
    if (rpc.health().length === 1) return
    const hashes = missing.map((i) => headers[i]!.hash)
    for (const { endpoint: other, result } of await rpc.withEach((e) => readBlockLogs(e, filter, hashes))) {
      if (other === endpoint.name || result.every(({ length }) => length === 0)) continue
      for (const [n, answer] of result.entries()) logs[missing[n]!] = answer
      metrics.logsMissed(config.chainId, endpoint.name)
      const omission = omissionOf(headers, missing, result)
      metrics.omitted(config.chainId, endpoint.name, omission.logs)
      rpc.noteOmission(endpoint.name, omission)
      rpc.distrust(endpoint.name, `${endpoint.name}: left logs out that a bloom announces and ${other} has`)
      return
    }
  }
}

function omissionOf(
  headers: readonly Header[],
  missing: readonly number[],
  found: readonly RawLog[][],
): Omission {
  const blocks = missing.filter((_, n) => found[n]!.length > 0).map((i) => headers[i]!.number)
  const logs = found.reduce((sum, { length }) => sum + length, 0)
  return { fromBlock: Math.min(...blocks), toBlock: Math.max(...blocks), logs }
}

/** Authors that a bloom announces are to be checked, whether or not something of theirs came. */
const suspectsOf = (
  { bloom }: FollowedContracts,
  logsBloom: Header['logsBloom'],
  heads: ChainHeads,
): AuthorHead[] => (bloom.suggestsLogs(logsBloom) ? bloom.suggestedAuthors(logsBloom, heads) : [])
