import type { HeadRow } from '../store/store.ts'
import type { AuthorHead } from './chain-heads.ts'
import { isHeadEqual, readChainHeads } from './head-check.ts'
import { nameOf, type RepairQueue, type RepairTarget } from './repair-queue.ts'
import { isRpcError } from './rpc-error.ts'
import type { SyncContext } from './sync-context.ts'

/** Compares authors' heads with the chain's, and keeps in store and view what comes of it. */
export class HeadComparison {
  readonly #deps: SyncContext
  readonly #repairs: RepairQueue
  /** Books that lack something of authors nobody knows of. */
  readonly #differing: () => number
  readonly #suspects = new Set<AuthorHead>()
  #verified: HeadRow[] = []

  constructor(deps: SyncContext, repairs: RepairQueue, differing: () => number) {
    this.#deps = deps
    this.#repairs = repairs
    this.#differing = differing
  }

  suspect(authors: readonly AuthorHead[]): void {
    for (const author of authors) this.#suspects.add(author)
  }

  /** Entries from before the heads were read anew from the store are nobody's any more. */
  forgetStale(): void {
    for (const author of this.#suspects) if (!this.#isCurrent(author)) this.#suspects.delete(author)
  }

  isDue(author: AuthorHead): boolean {
    const isOpen =
      author.verifiedAt === undefined || author.incompleteSince !== undefined || this.#suspects.has(author)
    return isOpen && !this.#repairs.isBusy(author)
  }

  /** Heads found equal since the last call, for the next commit to write down. */
  takeVerified(): HeadRow[] {
    const verified = this.#verified
    this.#verified = []
    return verified
  }

  async flush(): Promise<void> {
    if (this.#verified.length > 0) await this.#deps.store.markVerified(this.takeVerified())
  }

  /**
   * As of the checkpoint. Whoever's head changes while the chain is asked is left for the next time.
   * @returns false when nobody has the state at the checkpoint (any more)
   */
  async compare(targets: readonly RepairTarget[]): Promise<boolean> {
    if (targets.length === 0) return true
    const { view, rpc } = this.#deps
    const { heads, checkpoint } = view
    const { hash, number } = checkpoint!
    const before = targets.map(({ author }) => author.head)
    const chainHeads = await readChainHeads(
      rpc,
      hash,
      targets.map(({ author, contract: { stored, projection } }) => ({
        contractAddress: stored.address,
        author: author.author,
        owner: projection.headOwner,
      })),
    ).catch((error: unknown) => {
      if (isRpcError(error, 'not-found')) return undefined
      throw error
    })
    if (chainHeads === undefined || view.heads !== heads) return false
    for (const [i, target] of targets.entries()) {
      const { author } = target
      if (author.head !== before[i]) continue
      // Of a newer block this says nothing.
      if (view.checkpoint === checkpoint) this.#suspects.delete(author)
      if (isHeadEqual(author, chainHeads[i]!)) await this.#confirm(author, number)
      else {
        await this.markIncomplete(author, number)
        this.#repairs.add(target)
      }
    }
    return true
  }

  sumUp(): void {
    const { view, metrics } = this.#deps
    let incomplete = this.#differing()
    let unverified = 0
    for (const { stored } of view.contracts)
      for (const { incompleteSince, verifiedAt } of view.heads.ofContract(stored.contractId))
        if (incompleteSince !== undefined) incomplete++
        else if (verifiedAt === undefined) unverified++
    const isOpen = unverified > 0 || view.comparedFrom !== undefined
    view.completeness = incomplete > 0 ? 'incomplete' : isOpen ? 'unverified' : 'complete'
    metrics.incomplete(view.config.chainId, incomplete)
  }

  async #confirm(author: AuthorHead, atBlock: number): Promise<void> {
    const { store, log } = this.#deps
    const { contractId, head, entryCount, blockNumber } = author
    const row = { contractId, author: author.author, blockNumber, head, entryCount, verified: true }
    if (author.verifiedAt === undefined && entryCount > 0) this.#verified.push(row)
    author.verifiedAt = atBlock
    this.#repairs.forget(author)
    if (author.incompleteSince === undefined) return
    author.incompleteSince = undefined
    await store.clearIncomplete(contractId, author.author)
    log.info({ author: nameOf(author) }, 'author is complete again')
  }

  async markIncomplete(author: AuthorHead, atBlock: number): Promise<void> {
    const { view, log, metrics } = this.#deps
    author.verifiedAt = undefined
    if (author.incompleteSince !== undefined) return
    author.incompleteSince = Date.now()
    view.completeness = 'incomplete'
    metrics.gapFound(view.config.chainId)
    log.warn({ author: nameOf(author), block: atBlock }, 'head differs from the chain: reading again')
    await this.saveIncomplete(author, atBlock)
    // A head verified a moment ago must be on disk before the repair asks for it.
    await this.flush()
  }

  async saveIncomplete(
    { contractId, author, incompleteSince }: AuthorHead,
    blockNumber: number,
  ): Promise<void> {
    if (incompleteSince !== undefined)
      await this.#deps.store.setIncomplete({ contractId, author, blockNumber, since: incompleteSince })
  }

  #isCurrent(author: AuthorHead): boolean {
    const hex = Buffer.from(author.author).toString('hex')
    return this.#deps.view.heads.find(author.contractId, hex) === author
  }
}
