import { bytesToHex, toAddress } from '../../protocol/hex.ts'
import type { AuthorHead, ChainHeads } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { readChainHeads } from './head-check.ts'
import { type RepairDeps, RepairOvertaken, repairAuthor, StillMissing } from './repair.ts'
import { isRpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

export interface RepairQueueDeps extends SyncContext {
  served: RepairDeps['served']
  exclusively: RepairDeps['exclusively']
  onRows: (author: AuthorHead, tables: readonly string[]) => Promise<void>
  /** The author's rows are the chain's again, up to the block of the repair. */
  onRepaired: (target: RepairTarget) => Promise<void>
}

export interface RepairTarget {
  author: AuthorHead
  contract: IndexedContract
  /** True: what was verified before is looked at again, too. */
  isFromStart?: boolean
}

interface Attempts {
  failed: number
  notBefore: number
}

const REPAIRS_AT_ONCE = 4
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 60_000
/** After so many attempts nothing that was found right before is relied on. */
const ATTEMPTS_FROM_VERIFIED = 3

/** Repairs of a chain's authors, a few at a time, beside its sync. One that fails is tried again after a pause that grows. */
export class RepairQueue {
  readonly #deps: RepairQueueDeps
  readonly #attempts = new Map<AuthorHead, Attempts>()
  readonly #waiting = new Map<AuthorHead, RepairTarget>()
  readonly #running = new Map<AuthorHead, { rolledBackTo: number; done: Promise<void> }>()

  constructor(deps: RepairQueueDeps) {
    this.#deps = deps
  }

  /** Starts the author's repair, unless it is on its way, or waits after it failed. */
  add(target: RepairTarget): void {
    const { author } = target
    if (this.isBusy(author)) return
    this.#waiting.set(author, target)
    this.#startNext()
  }

  /** True while there is nothing to be found out by asking for the author's head again. */
  isBusy(author: AuthorHead): boolean {
    return (
      this.#waiting.has(author) ||
      this.#running.has(author) ||
      (this.#attempts.get(author)?.notBefore ?? 0) > performance.now()
    )
  }

  /** Of this author everything is well. */
  forget(author: AuthorHead): void {
    this.#attempts.delete(author)
  }

  noteRollback(to: number): void {
    for (const running of this.#running.values()) running.rolledBackTo = Math.min(running.rolledBackTo, to)
  }

  /** Waits for all there are. */
  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ done }) => done))
  }

  /** Waits for those that run. The signal of the sync ends them early. */
  async end(): Promise<void> {
    this.#waiting.clear()
    await Promise.all([...this.#running.values()].map(({ done }) => done))
  }

  #startNext(): void {
    for (const [author, target] of this.#waiting) {
      if (this.#running.size >= REPAIRS_AT_ONCE || this.#deps.signal.aborted) return
      this.#waiting.delete(author)
      const running = { rolledBackTo: Number.POSITIVE_INFINITY, done: Promise.resolve() }
      this.#running.set(author, running)
      running.done = this.#run(target, () => running.rolledBackTo).finally(() => {
        this.#running.delete(author)
        this.#startNext()
      })
    }
  }

  async #run(target: RepairTarget, rolledBackTo: () => number): Promise<void> {
    const { view, log, signal, rpc } = this.#deps
    const { author } = target
    const heads = view.heads
    try {
      await this.#repair(target, rolledBackTo, heads)
    } catch (error) {
      if (signal.aborted || view.heads !== heads || error instanceof RepairOvertaken) return
      const failed = (this.#attempts.get(author)?.failed ?? 0) + 1
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failed - 1), MAX_PAUSE_MS)
      this.#attempts.set(author, { failed, notBefore: performance.now() + pause })
      if (error instanceof StillMissing) {
        const { endpoints } = error
        // Next time somebody else is asked first, if there is somebody else.
        for (const endpoint of endpoints) rpc.distrust(endpoint)
        if (failed === 1)
          log.error({ author: nameOf(author), endpoints }, 'author is incomplete: logs are still left out')
      } else if (isRpcError(error)) log.debug({ reason: error.message }, 'repair could not read')
      else log.error({ err: error, author: nameOf(author) }, 'repair failed')
    }
  }

  async #repair(target: RepairTarget, rolledBackTo: () => number, heads: ChainHeads): Promise<void> {
    const { view, store, rpc, config, signal, served, exclusively, onRows, onRepaired } = this.#deps
    const { author, contract } = target
    const { number, hash, finalNumber } = view.checkpoint!
    const failed = this.#attempts.get(author)?.failed ?? 0
    const asked = {
      contractAddress: contract.stored.address,
      author: author.author,
      owner: contract.projection.headOwner,
    }
    const [chainHead] = await readChainHeads(rpc, hash, [asked])
    const from = performance.now()
    const result = await repairAuthor(
      {
        author,
        contract,
        chainHead: chainHead!,
        toBlock: number,
        finalNumber: Math.min(finalNumber, number),
        // A node may answer for another block than it was asked for.
        usesHistory: failed % 2 === 0,
        isFromStart: target.isFromStart === true || failed >= ATTEMPTS_FROM_VERIFIED,
      },
      {
        store,
        rpc,
        chainId: config.chainId,
        signal,
        served,
        exclusively: (write) =>
          exclusively(() => {
            signal.throwIfAborted()
            if (view.heads !== heads) throw new RepairOvertaken()
            return write()
          }),
        rolledBackTo,
        checkpoint: () => view.checkpoint!.number,
        onRows: (tables) => onRows(author, tables),
        onHeads: (head) => heads.replace(author, head),
      },
    )
    this.#report(author, result, performance.now() - from)
    await onRepaired(target)
  }

  #report(
    author: AuthorHead,
    { missing, surplus, omissions }: Awaited<ReturnType<typeof repairAuthor>>,
    ms: number,
  ): void {
    const { metrics, config, log, rpc } = this.#deps
    metrics.repaired(config.chainId, missing + surplus)
    for (const [endpoint, omission] of omissions) {
      rpc.noteOmission(endpoint, omission)
      rpc.distrust(endpoint)
      metrics.omitted(config.chainId, endpoint, omission.logs)
      log.warn({ endpoint, ...omission, author: nameOf(author) }, 'endpoint left logs out')
    }
    log.warn({ author: nameOf(author), missing, surplus, ms: Math.round(ms) }, 'author repaired')
  }
}

export const nameOf = (author: AuthorHead): string => toAddress(bytesToHex(author.author))
