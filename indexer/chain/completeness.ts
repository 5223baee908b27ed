import { setImmediate } from 'node:timers/promises'
import { bytesToHex } from '../../protocol/hex.ts'
import type { HeadRow } from '../store/store.ts'
import { type AuthorHead, EMPTY_HEAD_BYTES } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { Exclusive } from './exclusive.ts'
import { isHeadEqual, readChainHeads } from './head-check.ts'
import type { Header } from './raw-log.ts'
import { nameOf, RepairQueue, type RepairTarget } from './repair-queue.ts'
import { isRpcError } from './rpc-error.ts'
import { ServedBy } from './served-by.ts'
import { StorageRoots } from './storage-roots.ts'
import { foldStored } from './stored-events.ts'
import type { SyncContext } from './sync-context.ts'

/** An author that the directory says writes to a registry. */
export interface ExpectedAuthor {
  registry: Uint8Array
  author: Uint8Array
}

export interface CompletenessDeps extends SyncContext {
  checkEveryMs: number
  /** Books with more records than this are not held against their storage root; 0: none is. */
  storageRootMaxRecords?: number
  expectedAuthors: (chainId: number) => Promise<ExpectedAuthor[]>
  onRepair: (tables: readonly string[]) => void
}

/** Heads asked for at once. More authors than this are not waited for: the sync goes on meanwhile. */
const HEADS_A_SLICE = 100
const RETRY_MS = 1_000

/**
 * Holds heads folded from rows against the heads on chain: after new entries of an author, for whom a bloom announces, and
 * for everybody at the start and from time to time; and each book as a whole against its storage root, which vouches for
 * authors nobody knows of, too. A difference is an author whose answers are incomplete; what is missing is found and read
 * again beside the sync, until the heads are equal.
 */
export class Completeness {
  readonly served = new ServedBy()
  readonly #deps: CompletenessDeps
  readonly #suspects = new Set<AuthorHead>()
  readonly #repairs: RepairQueue
  readonly #roots: StorageRoots
  readonly #exclusive = new Exclusive()
  #verified: HeadRow[] = []
  #nextFullCheck = 0
  #sweep: Promise<void> | undefined

  constructor(deps: CompletenessDeps) {
    this.#deps = deps
    this.#repairs = new RepairQueue({
      ...deps,
      served: this.served,
      exclusively: (write) => this.exclusively(write),
      onRows: (author, tables) => this.#noteRows(author, tables),
      onRepaired: (target) => this.#recheck(target),
    })
    this.#roots = new StorageRoots({
      ...deps,
      storageRootMaxRecords: deps.storageRootMaxRecords ?? 0,
      served: this.served,
      recheck: (contract) => this.#recheckBook(contract),
      examineRows: (contract) => this.#examineRows(contract),
      expect: (contract, authors) => this.#expect(contract, authors),
    })
  }

  /** Steps of the sync and writes of a repair come one after the other. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#exclusive.run(task)
  }

  /** To be checked at the next opportunity, though nothing of theirs came. */
  suspect(authors: readonly AuthorHead[]): void {
    for (const author of authors) this.#suspects.add(author)
  }

  /** A block whose bloom announces logs that nobody has: by chance, or because they are left out. */
  noteUnexplained(header: Header): void {
    this.#roots.noteUnexplained(header)
  }

  noteRollback(to: number): void {
    this.#repairs.noteRollback(to)
    this.#roots.noteRollback(to)
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

  /** Ends what runs beside the sync, whose signal was aborted before. */
  async end(): Promise<void> {
    await Promise.all([this.#repairs.end(), this.#roots.end(), this.#sweep?.catch(() => {})])
    await this.flush()
  }

  /**
   * Checks whoever is due. Few are checked at once; everybody, and many, beside the sync. A chain that moved on meanwhile is
   * no difference: the check is made again after the next step.
   */
  async check(): Promise<void> {
    for (const author of this.#suspects) if (!this.#isCurrent(author)) this.#suspects.delete(author)
    const isFull = performance.now() >= this.#nextFullCheck
    const due = this.#targets((author) => this.#isDue(author))
    const isMuch = due.length > HEADS_A_SLICE
    if (isFull || isMuch) this.#startSweep(isFull)
    if (!isMuch) await this.#compareSlice(due)
    // Those who read beside us know of a check only from the store.
    if (this.#deps.store.isShared) await this.flush()
    this.#roots.tick(isFull)
    this.#sumUp()
  }

  /** Checks everybody, and waits for that and the repairs that it takes; those that fail are not tried again. */
  async checkAll(): Promise<void> {
    await this.#sweepAll(true)
    await this.#repairs.finish()
    this.#sumUp()
    await this.flush()
  }

  /** False for entries from before the heads were read anew from the store. */
  #isCurrent(author: AuthorHead): boolean {
    const hex = Buffer.from(author.author).toString('hex')
    return this.#deps.view.heads.find(author.contractId, hex) === author
  }

  #isDue(author: AuthorHead): boolean {
    const isOpen =
      author.verifiedAt === undefined || author.incompleteSince !== undefined || this.#suspects.has(author)
    return isOpen && !this.#repairs.isBusy(author)
  }

  #startSweep(isFull: boolean): void {
    if (this.#sweep !== undefined) return
    const { checkEveryMs, log, signal } = this.#deps
    if (isFull) this.#nextFullCheck = performance.now() + checkEveryMs
    this.#sweep = this.#sweepAll(isFull)
      .catch((error: unknown) => {
        if (signal.aborted) return
        if (isFull) this.#nextFullCheck = performance.now() + Math.min(RETRY_MS, checkEveryMs)
        const reason = error instanceof Error ? error.message : String(error)
        log.debug({ reason }, 'heads could not be compared')
      })
      .finally(() => {
        this.#sweep = undefined
      })
  }

  async #sweepAll(isFull: boolean): Promise<void> {
    const { view, signal } = this.#deps
    const heads = view.heads
    if (isFull) await this.#addExpected()
    const targets = this.#targets((author) => (isFull ? !this.#repairs.isBusy(author) : this.#isDue(author)))
    for (let at = 0; at < targets.length; at += HEADS_A_SLICE) {
      if (signal.aborted || view.heads !== heads) return
      await this.#compareSlice(targets.slice(at, at + HEADS_A_SLICE))
      await setImmediate()
    }
    await this.flush()
    this.#sumUp()
  }

  #targets(isMeant: (author: AuthorHead) => boolean): RepairTarget[] {
    const { heads, contracts } = this.#deps.view
    const targets: RepairTarget[] = []
    for (const contract of contracts) {
      if (contract.stored.caughtUpTo !== null) continue
      for (const author of heads.ofContract(contract.stored.contractId))
        if (isMeant(author)) targets.push({ author, contract })
    }
    return targets
  }

  /** Somebody whose every log was left out is unknown to us; the directory knows them, and has a head of its own. */
  async #addExpected(): Promise<void> {
    const { view, expectedAuthors } = this.#deps
    const byAddress = new Map(view.contracts.map(({ stored }) => [bytesToHex(stored.address), stored]))
    for (const { stored, projection } of view.contracts)
      if (projection.headOwner === 'contract') view.heads.expect(stored.contractId, stored.address)
    for (const { registry, author } of await expectedAuthors(view.config.chainId)) {
      const stored = byAddress.get(bytesToHex(registry))
      if (stored !== undefined) view.heads.expect(stored.contractId, author)
    }
  }

  /** As of the checkpoint. Whoever's head changes while the chain is asked is left for the next time. */
  async #compareSlice(targets: readonly RepairTarget[]): Promise<void> {
    if (targets.length === 0) return
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
    if (chainHeads === undefined || view.heads !== heads) return
    for (const [i, target] of targets.entries()) {
      const { author } = target
      if (author.head !== before[i]) continue
      this.#suspects.delete(author)
      if (isHeadEqual(author, chainHeads[i]!)) await this.#confirm(author, number)
      else {
        await this.#markIncomplete(author, number)
        this.#repairs.add(target)
      }
    }
  }

  #sumUp(): void {
    const { view, metrics } = this.#deps
    let incomplete = this.#roots.differing
    let unverified = 0
    for (const { incompleteSince, verifiedAt } of view.heads.all()) {
      if (incompleteSince !== undefined) incomplete++
      else if (verifiedAt === undefined) unverified++
    }
    view.completeness = incomplete > 0 ? 'incomplete' : unverified > 0 ? 'unverified' : 'complete'
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

  async #markIncomplete(author: AuthorHead, atBlock: number): Promise<void> {
    const { view, log, metrics } = this.#deps
    author.verifiedAt = undefined
    if (author.incompleteSince !== undefined) return
    author.incompleteSince = Date.now()
    view.completeness = 'incomplete'
    metrics.gapFound(view.config.chainId)
    log.warn({ author: nameOf(author), block: atBlock }, 'head differs from the chain: reading again')
    await this.#saveIncomplete(author, atBlock)
    // A head verified a moment ago must be on disk before the repair asks for it.
    await this.flush()
  }

  async #saveIncomplete(
    { contractId, author, incompleteSince }: AuthorHead,
    blockNumber: number,
  ): Promise<void> {
    if (incompleteSince !== undefined)
      await this.#deps.store.setIncomplete({ contractId, author, blockNumber, since: incompleteSince })
  }

  /** A repair is done only when the heads are equal: until then the author stays marked. */
  async #noteRows(author: AuthorHead, tables: readonly string[]): Promise<void> {
    const { view, onRepair } = this.#deps
    await this.#saveIncomplete(author, view.checkpoint!.number)
    if (tables.length > 0) onRepair(tables)
  }

  async #recheck(target: RepairTarget): Promise<void> {
    await this.#compareSlice([target])
    this.#sumUp()
  }

  /** @returns true when every author known of the book has the head that the chain has */
  async #recheckBook(contract: IndexedContract): Promise<boolean> {
    const { view, signal } = this.#deps
    const { contractId } = contract.stored
    const targets = this.#targets((author) => author.contractId === contractId)
    for (let at = 0; at < targets.length && !signal.aborted; at += HEADS_A_SLICE)
      await this.#compareSlice(targets.slice(at, at + HEADS_A_SLICE))
    this.#sumUp()
    return [...view.heads.ofContract(contractId)].every(
      ({ incompleteSince, verifiedAt }) => incompleteSince === undefined && verifiedAt !== undefined,
    )
  }

  /** Rows of known authors that do not fold to their heads, as after a fault of the disk: made anew from the chain. */
  async #examineRows(contract: IndexedContract): Promise<number> {
    const { view, store, log } = this.#deps
    const { heads } = view
    const nothing = { block: -1, head: EMPTY_HEAD_BYTES, entryCount: 0, lastBlock: -1 }
    let found = 0
    for (const author of [...heads.ofContract(contract.stored.contractId)]) {
      const { head } = author
      const { number } = view.checkpoint!
      const folded = await foldStored(store, contract, author.author, nothing, number)
      if (view.heads !== heads || folded === undefined || this.#repairs.isBusy(author)) continue
      if (Buffer.compare(folded.head, head) === 0) continue
      found++
      log.error(
        { author: nameOf(author) },
        'rows do not fold to the head they were written with: reading again',
      )
      await this.#markIncomplete(author, number)
      this.#repairs.add({ author, contract, isFromStart: true })
    }
    return found
  }

  /** Authors who were unknown so far: whatever they wrote is missing. */
  async #expect(contract: IndexedContract, authors: readonly Uint8Array[]): Promise<void> {
    const { view } = this.#deps
    const targets = authors.map((author) => ({
      author: view.heads.expect(contract.stored.contractId, author),
      contract,
    }))
    await this.#compareSlice(targets)
    this.#sumUp()
  }
}
