import { setImmediate } from 'node:timers/promises'
import { bytesToHex } from '../../protocol/hex.ts'
import type { HeadRow } from '../store/store.ts'
import { type AuthorHead, EMPTY_HEAD_BYTES } from './chain-heads.ts'
import type { IndexedContract } from './decode-logs.ts'
import { Exclusive } from './exclusive.ts'
import { HeadComparison } from './head-comparison.ts'
import type { Header } from './raw-log.ts'
import { nameOf, RepairQueue, type RepairTarget } from './repair-queue.ts'
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
  readonly #comparison: HeadComparison
  readonly #repairs: RepairQueue
  readonly #roots: StorageRoots
  readonly #exclusive = new Exclusive()
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
    this.#comparison = new HeadComparison(deps, this.#repairs, () => this.#roots.differing)
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
    this.#comparison.suspect(authors)
  }

  /** A block whose bloom announces logs that nobody has: by chance, or because they are left out. */
  noteUnexplained(header: Header): void {
    this.#roots.noteUnexplained(header)
  }

  noteRollback(to: number): void {
    this.#repairs.noteRollback(to)
    this.#roots.noteRollback(to)
  }

  /** What was found equal before says little of now: nothing is complete until everybody was compared again, at once. */
  beginAnew(): void {
    const { view } = this.#deps
    view.comparedFrom = view.checkpoint!.number
    if (view.completeness === 'complete') view.completeness = 'unverified'
    this.#nextFullCheck = 0
  }

  /** Heads found equal since the last call, for the next commit to write down. */
  takeVerified(): HeadRow[] {
    return this.#comparison.takeVerified()
  }

  /** Ends what runs beside the sync, whose signal was aborted before. */
  async end(): Promise<void> {
    await Promise.all([this.#repairs.end(), this.#roots.end(), this.#sweep?.catch(() => {})])
    // What is not written down is compared again.
    await this.#comparison
      .flush()
      .catch((error: unknown) => this.#deps.log.debug({ err: error }, 'verified heads could not be written'))
  }

  /**
   * Checks whoever is due. Few are checked at once; everybody, and many, beside the sync. A chain that moved on meanwhile is
   * no difference: the check is made again after the next step.
   */
  async check(): Promise<void> {
    this.#comparison.forgetStale()
    const isFull = performance.now() >= this.#nextFullCheck
    const due = this.#targets((author) => this.#comparison.isDue(author))
    const isMuch = due.length > HEADS_A_SLICE
    if (isFull || isMuch) this.#startSweep(isFull)
    if (!isMuch) await this.#comparison.compare(due)
    // Those who read beside us know of a check only from the store.
    if (this.#deps.store.isShared) await this.#comparison.flush()
    this.#roots.tick(isFull)
    this.#comparison.sumUp()
  }

  /** Checks everybody, and waits for that and the repairs that it takes; those that fail are not tried again. */
  async checkAll(): Promise<void> {
    await this.#sweepAll(true)
    await this.#repairs.finish()
    this.#comparison.sumUp()
    await this.#comparison.flush()
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
    const { heads, comparedFrom } = view
    let isDone = isFull
    if (isFull) await this.#addExpected()
    const targets = this.#targets((author) =>
      isFull ? !this.#repairs.isBusy(author) : this.#comparison.isDue(author),
    )
    for (let at = 0; at < targets.length; at += HEADS_A_SLICE) {
      if (signal.aborted || view.heads !== heads) return
      if (!(await this.#comparison.compare(targets.slice(at, at + HEADS_A_SLICE)))) isDone = false
      await setImmediate()
    }
    await this.#comparison.flush()
    const isCurrent = view.heads === heads && view.comparedFrom === comparedFrom
    if (isDone && isCurrent) view.comparedFrom = undefined
    else if (isFull && isCurrent)
      this.#nextFullCheck = performance.now() + Math.min(RETRY_MS, this.#deps.checkEveryMs)
    this.#comparison.sumUp()
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

  /** A repair is done only when the heads are equal: until then the author stays marked. */
  async #noteRows(author: AuthorHead, tables: readonly string[]): Promise<void> {
    const { view, onRepair } = this.#deps
    try {
      await this.#comparison.saveIncomplete(author, view.checkpoint!.number)
    } finally {
      // The rows are stored already.
      if (tables.length > 0) onRepair(tables)
    }
  }

  async #recheck(target: RepairTarget): Promise<void> {
    await this.#comparison.compare([target])
    this.#comparison.sumUp()
  }

  /** @returns true when every author known of the book has the head that the chain has */
  async #recheckBook(contract: IndexedContract): Promise<boolean> {
    const { view, signal } = this.#deps
    const { contractId } = contract.stored
    const targets = this.#targets((author) => author.contractId === contractId)
    for (let at = 0; at < targets.length && !signal.aborted; at += HEADS_A_SLICE)
      await this.#comparison.compare(targets.slice(at, at + HEADS_A_SLICE))
    this.#comparison.sumUp()
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
      await this.#comparison.markIncomplete(author, number)
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
    await this.#comparison.compare(targets)
    this.#comparison.sumUp()
  }
}
