import { CountersignError, isCountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { genesisOfOutbox, KnownGenesis } from '../known-genesis.ts'
import { type BookWriterOptions, type BookWriterSettings, withDefaults } from './book-writer-options.ts'
import { CallGroups } from './call-groups.ts'
import { ChainAccess, type RecordLocation } from './chain-access.ts'
import { Outbox, type OutboxCounts, type OutboxEntry, type OutboxEntryState } from './outbox.ts'
import { registryMissing } from './registry-missing.ts'
import { Settler } from './settler.ts'
import type { Submission } from './submissions.ts'
import { Submitter } from './submitter.ts'

export interface BookWriterStatus extends OutboxCounts {
  /** Among those submitted: held, since their nonce is used and no node shows by which transaction. */
  unclear: number
  /** False while the last attempt to use the chain failed. */
  isChainUsable: boolean
}

interface Waiter {
  resolve: (location: RecordLocation) => void
  reject: (error: unknown) => void
}

const IDLE_MS = 60_000
const FIRST_BACKOFF_MS = 100
/** A mined transaction is seen by its receipt; only after this long is it asked whether somebody else used the nonce. */
const NONCE_CHECK_AFTER_MS = 1_000
/** Behind one address another node may answer without any connection's ending. */
const CHAIN_CHECK_MS = 60_000

/**
 * Puts digests on chain for one author: whatever was added is recorded once, however often the process or the chain fails in between.
 * Entries are added in the transaction of what they belong to ({@link add} inside `commits.write`), then announced ({@link notify}).
 */
export class BookWriter {
  readonly #settings: BookWriterSettings
  readonly #outbox: Outbox
  readonly #chain: ChainAccess
  readonly #genesis: KnownGenesis
  readonly #groups: CallGroups
  readonly #submitter: Submitter
  readonly #settler: Settler
  readonly #waiters = new Map<Bytes32, Set<Waiter>>()
  #loop: Promise<void> | undefined
  #isStopping = false
  #isChainUsable = true
  #lastReason: string | undefined
  #resendAll = true
  /** Unix milliseconds until which the chain counts as the one that it was. */
  #chainCheckedUntil = 0
  #addedSinceStep = 0
  /** When entries were last sent for the sake of somebody who waits, in unix milliseconds. */
  #urgentAt = 0
  #wakeAt = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined

  constructor(options: BookWriterOptions) {
    this.#settings = withDefaults(options)
    const { db, rpc, registry, key, startBlock } = this.#settings
    this.#outbox = new Outbox(db, { ...registry, author: key.address })
    this.#chain = new ChainAccess(rpc, registry, key.address, startBlock)
    this.#genesis = new KnownGenesis({
      chainId: registry.chainId,
      rpc,
      kept: genesisOfOutbox(db),
      commit: (write) => this.#settings.commits.write(write),
    })
    this.#groups = new CallGroups(this.#settings.calls, this.#settings.groups)
    this.#submitter = new Submitter(this.#settings, this.#outbox, this.#chain, this.#groups)
    this.#settler = new Settler(this.#settings, this.#outbox, this.#chain, this.#groups, {
      recorded: (key, location) => this.#settleWaiters(key, (waiter) => waiter.resolve(location)),
      conflicted: (key, digest) => this.#settleWaiters(key, (waiter) => waiter.reject(conflict(key, digest))),
    })
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Ends after the step under way. What is not on chain by then stays in the database and is taken up at the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wake?.()
    await this.#loop
    for (const key of [...this.#waiters.keys()])
      this.#settleWaiters(key, (waiter) =>
        waiter.reject(new CountersignError('NOT_READY', 'the server is shutting down')),
      )
  }

  /** Adds an entry. Call it inside a transaction, then {@link notify} once that is committed. @throws ENTRY_CONFLICT */
  add(entry: OutboxEntry): void {
    this.#outbox.add(entry, Date.now())
  }

  /** Entries were added, so many. */
  notify(count = 1): void {
    this.#addedSinceStep += count
    const isBatchFull = this.#addedSinceStep >= this.#settings.maxBatch
    this.#wakeWithin(isBatchFull ? 0 : this.#settings.flushIntervalMs)
  }

  /** Adds an entry and waits until it is on chain; callers at the same time share transactions. @throws as {@link whenRecorded} */
  async recordNow(key: Bytes32, digest: Bytes32, timeoutMs?: number): Promise<RecordLocation> {
    await this.#settings.commits.write(() => this.add({ key, digest, recordBy: 0 }))
    return this.whenRecorded(key, timeoutMs)
  }

  /**
   * Resolves once the entry is in a block; asks for it to be sent without waiting for others, as often as that is allowed.
   * @param signal ends the waiting, with its reason
   * @throws RECORDING_TIMED_OUT (the entry stays and will be recorded), ENTRY_CONFLICT, NOT_READY when shutting down
   */
  whenRecorded(key: Bytes32, timeoutMs = 30_000, signal?: AbortSignal): Promise<RecordLocation> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const known = this.#outbox.find(key)
    if (known?.state === 'conflict') return Promise.reject(conflict(key))
    const isOnChain = known?.state === 'recorded' || known?.state === 'final'
    if (isOnChain && known.location !== null) return Promise.resolve(known.location)
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
        waiters.delete(waiter)
        if (waiters.size === 0) this.#waiters.delete(key)
        end()
      }
      const waiter: Waiter = {
        resolve: (location) => settle(() => resolve(location)),
        reject: (error) => settle(() => reject(error)),
      }
      const timer = setTimeout(
        () =>
          waiter.reject(
            new CountersignError('RECORDING_TIMED_OUT', `not confirmed on chain within ${timeoutMs} ms`),
          ),
        timeoutMs,
      )
      const giveUp = () => waiter.reject(signal?.reason)
      signal?.addEventListener('abort', giveUp, { once: true })
      const waiters = this.#waiters.get(key) ?? new Set<Waiter>()
      this.#waiters.set(key, waiters.add(waiter))
      this.#wakeWithin(0)
    })
  }

  /** What is known of an entry; undefined when it was never added. */
  find(key: Bytes32): OutboxEntryState | undefined {
    return this.#outbox.find(key)
  }

  /**
   * Where an entry is on chain, by its event where its transaction was not known before: it is kept from then on. Undefined while it is
   * not there, or no event of it can be found now.
   */
  async locate(key: Bytes32): Promise<RecordLocation | undefined> {
    const known = this.#outbox.find(key)
    if (known === undefined || known.location !== null || known.state !== 'final')
      return known?.location ?? undefined
    const { event } = this.#groups.get(known.group).calls
    const found = await this.#chain.findRecordings([key], event).catch((error) => {
      this.#settings.logger.warn({ reason: reasonOf(error) }, 'the event of a record could not be found')
    })
    const location = found?.get(key)
    if (location !== undefined)
      await this.#settings.commits.write(() => this.#outbox.setLocation(key, location))
    return location
  }

  /** Where the entry is on chain; undefined while it is not, or its transaction is not known. */
  locationOf(key: Bytes32): RecordLocation | undefined {
    return this.#outbox.find(key)?.location ?? undefined
  }

  status(): BookWriterStatus {
    return {
      ...this.#outbox.counts(Math.floor(Date.now() / 1000)),
      unclear: this.#settler.unclearEntries,
      isChainUsable: this.#isChainUsable,
    }
  }

  async #run(): Promise<void> {
    let failures = 0
    let quietSteps = 0
    while (!this.#isStopping) {
      let delay: number
      try {
        const hasMoved = await this.#step()
        quietSteps = hasMoved ? 0 : quietSteps + 1
        failures = 0
        this.#noteChain(true)
        delay = this.#nextLookIn(quietSteps)
      } catch (error) {
        this.#noteChain(false, error)
        // What a node refuses says nothing of the other transactions, and nothing of the chain.
        this.#resendAll ||= isCountersignError(error)
        this.#chainCheckedUntil = 0
        delay = this.#backoff(failures++)
      }
      await this.#sleep(delay, failures > 0)
    }
  }

  /** One look at everything. Returns whether something moved. */
  async #step(): Promise<boolean> {
    this.#addedSinceStep = 0
    if (Date.now() >= this.#chainCheckedUntil && this.#outbox.hasUnsettled()) await this.#checkChain()
    const { settled, open } = await this.#settler.settleMined(this.#outbox.submissions.open())
    const refusal = open.length > 0 ? await this.#pursue(open) : undefined
    if (this.#outbox.hasUnfinal()) await this.#settler.finalise()
    if (refusal !== undefined) throw refusal
    const isUrgent = this.#urgentIn() === 0
    const submitted = await this.#submitter.submitDue(this.#room(), isUrgent, this.#mayHold())
    if (isUrgent && submitted > 0) this.#urgentAt = Date.now()
    return settled > 0 || submitted > 0
  }

  /**
   * A node that was away may come back as another one, of a chain started afresh: what that one says of a transaction says nothing of
   * the entries, and what it takes is recorded nowhere.
   * @throws CHAIN_MISMATCH, REGISTRY_MISSING
   */
  async #checkChain(): Promise<void> {
    const [genesisHash, hasRegistry] = await Promise.all([this.#genesis.read(), this.#chain.hasRegistry()])
    if (!hasRegistry) throw registryMissing(this.#settings.registry)
    if (genesisHash !== undefined) await this.#genesis.keep(genesisHash)
    this.#chainCheckedUntil = Date.now() + CHAIN_CHECK_MS
  }

  /** Returns the first refusal of a transaction, which keeps nothing else from being looked at. */
  async #pursue(open: readonly Submission[]): Promise<unknown> {
    if (this.#resendAll) {
      this.#resendAll = false
      return this.#forEach(open, (submission) => this.#submitter.rebroadcast(submission))
    }
    const now = Date.now()
    const waiting = open.filter((submission) => now - lastSentAt(submission) >= NONCE_CHECK_AFTER_MS)
    const used = waiting.length === 0 ? undefined : await this.#settler.releaseSuperseded(waiting)
    const unused = open.filter((submission) => !used?.has(submission))
    const overdue = unused.filter(
      (submission) => now - lastSentAt(submission) >= this.#settings.resubmitAfterMs,
    )
    return this.#forEach(overdue, (submission) =>
      this.#submitter.pushThrough(submission, submission === unused[0]),
    )
  }

  /** Returns the first refusal by a node. @throws CHAIN_UNREACHABLE, CHAIN_MISMATCH */
  async #forEach(
    submissions: readonly Submission[],
    send: (submission: Submission) => Promise<void>,
  ): Promise<unknown> {
    let refusal: unknown
    for (const submission of submissions)
      await send(submission).catch((error) => {
        if (isCountersignError(error)) throw error
        refusal ??= error
      })
    return refusal
  }

  #nextLookIn(quietSteps: number): number {
    const { pollIntervalMs } = this.#settings
    const isUnderWay = this.#outbox.submissions.openNonces().length > 0 || this.#outbox.hasUnfinal()
    const poll = isUnderWay ? Math.min(pollIntervalMs, (pollIntervalMs / 100) * 1.5 ** quietSteps) : IDLE_MS
    const due =
      this.#room() > 0 ? this.#submitter.dueIn(Date.now(), this.#urgentIn(), this.#mayHold()) : undefined
    return Math.min(poll, due ?? IDLE_MS)
  }

  /** Transactions that may be sent now. Those whose nonce is used hold up none behind them. */
  #room(): number {
    const underWay = this.#outbox.submissions.openNonces().length - this.#settler.held
    return this.#settings.maxInFlight - underWay
  }

  /** Whether more entries may come to be held: an endless mistake is to end somewhere. */
  #mayHold(): boolean {
    return this.#settler.held < this.#settings.maxHeld
  }

  /** Milliseconds until entries may be sent for the sake of those who wait; endless when nobody does. */
  #urgentIn(): number {
    if (this.#waiters.size === 0) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#urgentAt + this.#settings.urgentEveryMs - Date.now())
  }

  #backoff(failures: number): number {
    const longest = Math.min(this.#settings.maxBackoffMs, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 20))
    // Spread, so that many writers do not return to a node at the same moment.
    return longest * (0.5 + Math.random() / 2)
  }

  #noteChain(isUsable: boolean, error?: unknown): void {
    const { logger, registry } = this.#settings
    if (isUsable && !this.#isChainUsable)
      logger.info({ chainId: registry.chainId }, 'the chain can be used again')
    this.#isChainUsable = isUsable
    const reason = isUsable ? undefined : reasonOf(error)
    if (reason !== undefined && reason !== this.#lastReason) {
      const fields = { chainId: registry.chainId, reason }
      // A chain that is down comes back; what a node refuses (no funds, say) needs a person.
      if (isCountersignError(error, 'CHAIN_UNREACHABLE'))
        logger.warn(fields, 'the chain is down; entries wait')
      else logger.error(fields, 'the chain cannot be used; entries wait')
    }
    this.#lastReason = reason
  }

  #sleep(ms: number, isBackoff: boolean): Promise<void> {
    if (this.#isStopping) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = () => {
        clearTimeout(this.#timer)
        this.#wake = undefined
        this.#wakeAt = Number.POSITIVE_INFINITY
        resolve()
      }
      // While the chain is down, new entries are no reason to ask it more often.
      this.#wakeAt = isBackoff ? 0 : Date.now() + ms
      this.#timer = setTimeout(() => this.#wake?.(), ms)
    })
  }

  #wakeWithin(ms: number): void {
    const at = Date.now() + ms
    if (this.#wake === undefined || at >= this.#wakeAt) return
    this.#wakeAt = at
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#wake?.(), ms)
  }

  #settleWaiters(key: Bytes32, end: (waiter: Waiter) => void): void {
    for (const waiter of [...(this.#waiters.get(key) ?? [])]) end(waiter)
  }
}

/** Unix milliseconds; zero: perhaps never. */
const lastSentAt = ({ transactions }: Submission): number =>
  Math.max(...transactions.map(({ sentAt }) => sentAt ?? 0))

/** Without what was sent: ethers repeats a whole batch in its messages. */
const reasonOf = (error: unknown): string => {
  const { shortMessage, message } = error as { shortMessage?: string; message?: string }
  return String(shortMessage ?? message).slice(0, 200)
}

const conflict = (key: Bytes32, digest?: Bytes32): CountersignError =>
  new CountersignError(
    'ENTRY_CONFLICT',
    `the chain has another digest under ${key}${digest ? `: ${digest}` : ''}`,
  )
