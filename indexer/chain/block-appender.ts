import { setTimeout as sleep } from 'node:timers/promises'
import { isBloomAbsent } from './bloom-check.ts'
import { type AuthorHead, ChainHeads } from './chain-heads.ts'
import type { ChainWriter } from './chain-writer.ts'
import type { Completeness } from './completeness.ts'
import type { FollowedContracts } from './contracts.ts'
import { decodeLogs } from './decode-logs.ts'
import { blockOf } from './linked-headers.ts'
import { readBlockLogs } from './log-source.ts'
import type { Header, RawLog } from './raw-log.ts'
import { RpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

/** Pauses before asking again for logs that a bloom announces and the node leaves out: it may still be writing them. */
const BLOOM_PAUSES_MS = [20, 100]

export interface BlockAppenderDeps extends SyncContext {
  completeness: Completeness
  writer: ChainWriter
}

/** Takes in consecutive blocks, one by one, each with its logs by its hash, and holds the logs against the blooms. */
export class BlockAppender {
  readonly #deps: BlockAppenderDeps

  constructor(deps: BlockAppenderDeps) {
    this.#deps = deps
  }

  /**
   * @param headers of blocks that link to the checkpoint, or to `ancestor`
   * @param tip the chain's head, which says what is final
   * @param ancestor block to roll back to first, in the same commit
   */
  async append(
    contracts: FollowedContracts,
    headers: readonly Header[],
    tip: Header,
    ancestor?: Header,
  ): Promise<void> {
    const { config, store, view, completeness, writer } = this.#deps
    const finalNumber = Math.max(view.checkpoint!.finalNumber, tip.number - config.finalityDepth)
    const heads =
      ancestor === undefined
        ? view.heads
        : ChainHeads.load(await store.listHeads(config.chainId, ancestor.number), [])
    const draft = writer.newDraft(finalNumber, heads)
    const { logs, endpoint, suspects } = await this.#readLogs(contracts, headers, heads)
    headers.forEach((header, i) => {
      const { number, hash, logsBloom } = header
      const ofBlock = { logs: logs[i]!, fromBlock: number, toBlock: number, endpoint, hashOf: () => hash }
      if (ofBlock.logs.length > 0 && !isBloomAbsent(logsBloom) && !contracts.bloom.suggestsLogs(logsBloom))
        throw new RpcError(
          'malformed',
          endpoint,
          `${endpoint}: logs of block ${number} are not in the bloom of its header`,
        )
      decodeLogs(ofBlock, contracts.byAddress, draft)
      if (number > finalNumber || ofBlock.logs.length > 0) draft.blocks.set(number, blockOf(header))
    })
    await writer.commit(
      draft,
      { ...blockOf(headers.at(-1) ?? ancestor!), finalNumber },
      ancestor === undefined ? {} : { rollbackTo: ancestor.number },
    )
    completeness.suspect(suspects)
  }

  /**
   * Logs of each block. Where the bloom announces logs that did not come, they are asked for again; and authors that the
   * bloom announces are to be checked, whether or not something of theirs came.
   */
  async #readLogs(
    { filter, bloom }: FollowedContracts,
    headers: readonly Header[],
    heads: ChainHeads,
  ): Promise<{ logs: RawLog[][]; endpoint: string; suspects: AuthorHead[] }> {
    const { config, rpc, metrics, log, signal } = this.#deps
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
}
