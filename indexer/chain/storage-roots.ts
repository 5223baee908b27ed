import { bytesToHex, type Hex, hexToBytes } from '../../protocol/hex.ts'
import { bloomBits, bloomHasBits } from '../../protocol/log-bloom.ts'
import type { ChainHeads } from './chain-heads.ts'
import type { BookWholeness } from './chain-view.ts'
import type { IndexedContract } from './decode-logs.ts'
import type { Header } from './raw-log.ts'
import { isRpcError } from './rpc-error.ts'
import type { ServedBy } from './served-by.ts'
import { computeStorageRoot } from './storage-root.ts'
import { type ChainStorageRoot, readStorageRoot } from './storage-root-source.ts'
import type { SyncContext } from './sync-context.ts'
import { findUnknownAuthors } from './unknown-authors.ts'

export interface StorageRootsDeps extends SyncContext {
  storageRootMaxRecords: number
  checkEveryMs: number
  served: ServedBy
  /** Compares the heads of a book's known authors now. @returns true when all are equal */
  recheck: (contract: IndexedContract) => Promise<boolean>
  /** Holds the rows of a book's known authors against their heads. @returns how many do not fold to theirs */
  examineRows: (contract: IndexedContract) => Promise<number>
  /** Authors of a book who were unknown so far. */
  expect: (contract: IndexedContract, authors: readonly Uint8Array[]) => Promise<void>
}

interface BookState extends BookWholeness {
  contract: IndexedContract
  isDue: boolean
  notBefore: number
  /** Of the heads that the root at `wholeAt` was computed from. */
  wholeRevision: number
  wholeHeads: ChainHeads | undefined
  /** Searches that found nobody. */
  failed: number
  /** Who was asked in the last search. */
  asked: ReadonlySet<string>
}

const MAX_FIRST_PAUSE_MS = 1_000
const WAITING_MS = 250
const MAX_PAUSE_MS = 60_000
/** Computing roots takes a tenth of the time at most. */
const PAUSE_FACTOR = 9
const MAX_UNEXPLAINED = 64
const MAX_SEARCH_REQUESTS = 20_000

/**
 * Holds each record book as a whole against the root of its storage on chain. The storage of a book is its records' digests and its
 * authors' heads, nothing else: with the same root there is no record that the index lacks, of whomever. One that
 * differs while the heads of everybody known are equal was written to by somebody unknown, who is then looked for.
 */
export class StorageRoots {
  readonly #deps: StorageRootsDeps
  readonly #books = new Map<number, BookState>()
  #unexplained: Header[] = []
  #running: Promise<void> | undefined
  #rollbacks = 0

  constructor(deps: StorageRootsDeps) {
    this.#deps = deps
    deps.view.books = this.#books
  }

  /** Books in which something is missing. */
  get differing(): number {
    let count = 0
    for (const { storageRoot } of this.#books.values()) if (storageRoot === 'different') count++
    return count
  }

  noteUnexplained(header: Header): void {
    if (this.#deps.storageRootMaxRecords === 0) return
    if (this.#unexplained.length < MAX_UNEXPLAINED) this.#unexplained.push(header)
    else for (const book of this.#books.values()) book.isDue = true
  }

  noteRollback(to: number): void {
    this.#rollbacks++
    this.#unexplained = this.#unexplained.filter(({ number }) => number <= to)
    for (const book of this.#books.values()) {
      if (book.wholeAt !== undefined && book.wholeAt.block > to) delete book.wholeAt
      book.isDue = true
    }
  }

  /** Starts what is due, beside the sync. @param isFull everything is to be checked again, if it changed */
  tick(isFull: boolean): void {
    this.#noteBooks(isFull)
    if (this.#running !== undefined || this.#deps.signal.aborted) return
    const now = performance.now()
    const isAnyDue = [...this.#books.values()].some(({ isDue, notBefore }) => isDue && notBefore <= now)
    if (!isAnyDue && this.#unexplained.length === 0) return
    this.#running = this.#run()
      .catch((error: unknown) => {
        const { log, signal } = this.#deps
        if (signal.aborted) return
        for (const book of this.#books.values()) this.#pause(book, MAX_FIRST_PAUSE_MS)
        if (isRpcError(error)) log.debug({ reason: error.message }, 'storage root could not be read')
        else log.error({ err: error }, 'storage root could not be checked')
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  async end(): Promise<void> {
    await this.#running
  }

  #noteBooks(isFull: boolean): void {
    const { view, storageRootMaxRecords, checkEveryMs } = this.#deps
    for (const contract of view.contracts) {
      const { contractId, caughtUpTo } = contract.stored
      if (contract.projection.headOwner !== 'author' || caughtUpTo !== null) continue
      const known = this.#books.get(contractId)
      if (known === undefined)
        this.#books.set(contractId, {
          contract,
          storageRoot: storageRootMaxRecords === 0 ? 'off' : 'unchecked',
          isDue: storageRootMaxRecords > 0,
          // First comes what people wait for.
          notBefore: performance.now() + Math.min(MAX_FIRST_PAUSE_MS, checkEveryMs / 4),
          wholeRevision: -1,
          wholeHeads: undefined,
          failed: 0,
          asked: new Set(),
        })
      else {
        known.contract = contract
        if (isFull && storageRootMaxRecords > 0) known.isDue = true
      }
    }
  }

  async #run(): Promise<void> {
    try {
      await this.#explain()
    } finally {
      for (const book of this.#books.values())
        if (book.isDue && book.notBefore <= performance.now()) await this.#check(book)
    }
  }

  async #check(book: BookState): Promise<void> {
    const { view, rpc, store, config, metrics, signal, log, storageRootMaxRecords } = this.#deps
    const { contract } = book
    const { contractId, address } = contract.stored
    const { heads } = view
    const checkpoint = view.checkpoint!
    const authors = [...heads.ofContract(contractId)]
    // Somebody known lacks something: that comes first.
    if (authors.some(({ incompleteSince }) => incompleteSince !== undefined))
      return this.#pause(book, WAITING_MS)
    const revision = heads.revision(contractId)
    const rollbacks = this.#rollbacks
    const contents = {
      contractId,
      toBlock: checkpoint.number,
      heads: authors
        .filter(({ entryCount }) => entryCount > 0)
        .map(({ author, head, entryCount }) => ({ author, head, entryCount })),
    }
    const onChain = await readStorageRoot(rpc, address, checkpoint)
    if (onChain === 'not-there') return this.#pause(book, WAITING_MS)
    // What is known to be missing stays so until the roots are equal.
    const isDifferent = book.storageRoot === 'different'
    if (onChain === 'unsupported')
      return isDifferent ? this.#pause(book, MAX_FIRST_PAUSE_MS) : this.#settle(book, 'unsupported')
    const isUnchanged = revision === book.wholeRevision && heads === book.wholeHeads
    if (isUnchanged && onChain.root === book.wholeAt?.storageRoot)
      return this.#noteWhole(book, checkpoint.number, onChain, revision)
    const entries = contents.heads.reduce((sum, { entryCount }) => sum + entryCount, 0)
    if (entries > storageRootMaxRecords && !isDifferent) return this.#settle(book, 'too-many-records')

    const from = performance.now()
    const computed = await computeStorageRoot(store, contents, signal)
    const ms = performance.now() - from
    // Rows may have gone meanwhile that belonged to it.
    if (rollbacks !== this.#rollbacks || view.heads !== heads) return this.#pause(book, WAITING_MS)
    const isEqual = computed !== undefined && bytesToHex(computed) === onChain.root
    metrics.storageRoot(config.chainId, isEqual ? 'whole' : 'different', ms / 1000)
    const fields = { registry: bytesToHex(address), block: checkpoint.number, entries, ms: Math.round(ms) }
    if (isEqual) {
      log.info(fields, 'book is whole')
      this.#noteWhole(book, checkpoint.number, onChain, revision)
      this.#pause(book, ms * PAUSE_FACTOR, false)
      return
    }
    await this.#differs(book, {
      from: (book.wholeAt?.block ?? contract.stored.startBlock - 1) + 1,
      to: checkpoint.number,
    })
  }

  /** The root is another. If everybody known is as on chain, somebody else wrote. */
  async #differs(book: BookState, range: { from: number; to: number }): Promise<void> {
    const { recheck, expect, examineRows, rpc, view, signal, log, served } = this.#deps
    const { contract } = book
    const wasKnown = book.storageRoot === 'different'
    book.storageRoot = 'different'
    view.completeness = 'incomplete'
    if (!(await recheck(contract))) return this.#pause(book, WAITING_MS)
    const registry = bytesToHex(contract.stored.address)
    if (!wasKnown)
      log.warn({ registry, ...range }, 'storage differs from the chain: looking for authors nobody knows of')
    const avoid = book.failed === 0 ? served.endpointsOf(range.from, range.to) : book.asked
    const { authors, endpoints } = await findUnknownAuthors(
      { rpc, heads: view.heads, signal },
      contract,
      range,
      avoid,
      blocksAtOnce(range.to - range.from + 1, book.failed),
    )
    if (authors.length > 0) {
      book.failed = 0
      log.warn({ registry, authors: authors.length }, 'authors found whose every log was left out')
      await expect(contract, authors)
      return this.#pause(book, WAITING_MS)
    }
    // Nobody is missing: then rows that were right once are so no more.
    if (book.failed === 0 && (await examineRows(contract)) > 0) return this.#pause(book, WAITING_MS)
    book.failed++
    book.asked = new Set(endpoints)
    this.#pause(book, Math.min(WAITING_MS * 2 ** book.failed, MAX_PAUSE_MS))
    if (book.failed === Math.max(2, rpc.health().length))
      log.error(
        { registry, endpoints },
        'storage differs from the chain, and no endpoint has what is missing',
      )
  }

  /** Blocks whose bloom announced logs that nobody has: did anything of a book change in them? */
  async #explain(): Promise<void> {
    const { view, rpc, config, store, metrics, log } = this.#deps
    for (let header = this.#unexplained[0]; header !== undefined; header = this.#unexplained[0]) {
      const { number, hash, parentHash, logsBloom } = header
      for (const book of this.#books.values()) {
        const { address } = book.contract.stored
        if (book.storageRoot === 'off' || !bloomHasBits(logsBloom, bloomBits(address))) continue
        const [before, after] = await Promise.all([
          readStorageRoot(rpc, address, { number: number - 1, hash: hexToBytes(parentHash) }),
          readStorageRoot(rpc, address, { number, hash: hexToBytes(hash) }),
        ])
        if (typeof before === 'string' || typeof after === 'string') {
          if (before !== 'unsupported' && after !== 'unsupported') book.isDue = true
          continue
        }
        if (before.root === after.root) {
          log.debug({ block: number }, 'a bloom announced logs by chance')
          continue
        }
        const stored = await store.findBlock(config.chainId, number)
        const isIndexed = stored !== undefined && bytesToHex(stored.hash) === hash
        if (!isIndexed && number > view.checkpoint!.finalNumber) continue
        metrics.gapFound(config.chainId)
        await this.#differs(book, { from: number, to: number })
        book.isDue = true
      }
      // Only now: what cannot be read is asked again.
      const explained = header
      this.#unexplained = this.#unexplained.filter((other) => other !== explained)
    }
  }

  #noteWhole(book: BookState, block: number, { root, isProven }: ChainStorageRoot, revision: number): void {
    book.wholeAt = { block, storageRoot: root as Hex, isProven }
    book.wholeRevision = revision
    book.wholeHeads = this.#deps.view.heads
    book.failed = 0
    this.#settle(book, 'whole')
  }

  #settle(book: BookState, state: BookWholeness['storageRoot']): void {
    book.storageRoot = state
    book.isDue = false
  }

  #pause(book: BookState, ms: number, isDue = book.isDue): void {
    book.isDue = isDue
    book.notBefore = performance.now() + ms
  }
}

/** Each search that found nobody is followed by one in shorter ranges, as far as that stays within some thousands of requests. */
const blocksAtOnce = (blocks: number, failed: number): number =>
  failed === 0
    ? Number.POSITIVE_INFINITY
    : Math.max(failed === 1 ? 16 : 1, Math.ceil(blocks / MAX_SEARCH_REQUESTS))
