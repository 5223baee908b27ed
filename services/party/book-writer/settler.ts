import type { Bytes32 } from '../../../protocol/hex.ts'
import type { BookWriterSettings } from './book-writer-options.ts'
import type { CallGroups } from './call-groups.ts'
import type { ChainAccess, MinedTransaction, RecordLocation } from './chain-access.ts'
import { isOutOfGas } from './gas.ts'
import { isEmptyDigest, LooseEntries } from './loose-entries.ts'
import type { SearchedNonce } from './nonce-search.ts'
import type { Outbox, PendingEntry } from './outbox.ts'
import type { RecordingEvent } from './registry-calls.ts'
import { registryMissing } from './registry-missing.ts'
import { callOf, isSameCall } from './signed-transaction.ts'
import type { Submission } from './submissions.ts'
import { TakenOut } from './taken-out.ts'
import { UsedNonces } from './used-nonces.ts'

/** Told how an entry came out. */
export interface EntryOutcomes {
  recorded(key: Bytes32, location: RecordLocation): void
  conflicted(key: Bytes32, recordedDigest: Bytes32): void
}

/** Looks at used nonces take so long in one step, and one more: everything else waits for them. */
const LOOKS_MS = 2_000
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 600_000

/** Finds out what became of submissions, and settles their entries: recorded, in conflict, or pending again. */
export class Settler {
  readonly #settings: BookWriterSettings
  readonly #outbox: Outbox
  readonly #chain: ChainAccess
  readonly #groups: CallGroups
  readonly #outcomes: EntryOutcomes
  readonly #usedNonces: UsedNonces
  readonly #looseEntries: LooseEntries
  readonly #takenOut: TakenOut

  constructor(
    settings: BookWriterSettings,
    outbox: Outbox,
    chain: ChainAccess,
    groups: CallGroups,
    outcomes: EntryOutcomes,
  ) {
    this.#settings = settings
    this.#outbox = outbox
    this.#chain = chain
    this.#groups = groups
    this.#outcomes = outcomes
    this.#usedNonces = new UsedNonces(settings)
    this.#looseEntries = new LooseEntries(settings, outbox, chain, groups)
    this.#takenOut = new TakenOut(outbox.submissions, chain)
  }

  /** Entries whose nonce is used while no node shows by what: they are held. */
  get unclearEntries(): number {
    return this.#usedNonces.unclearEntries
  }

  /** Submissions whose nonce is used while their fate is open. */
  get held(): number {
    return this.#usedNonces.held
  }

  /** Settles every submission that is mined. Returns how many were, and those that are open. */
  async settleMined(submissions: readonly Submission[]): Promise<{ settled: number; open: Submission[] }> {
    const mined = await Promise.all(submissions.map((submission) => this.#findMined(submission)))
    const open: Submission[] = []
    for (const [i, submission] of submissions.entries()) {
      const transaction = mined[i]
      if (transaction === undefined || !(await this.#settle(submission, transaction))) open.push(submission)
    }
    return { settled: submissions.length - open.length, open }
  }

  /**
   * Gives up submissions whose nonce another process used: its entries wait for a new one. Where the registry has a slot for each entry a
   * wrong guess costs a transaction that reverts, never a record. Without slots it would take them a second time: there the transaction
   * that used the nonce has to be seen.
   * @returns those whose nonce cannot be used any more
   */
  async releaseSuperseded(open: readonly Submission[]): Promise<Set<Submission>> {
    const confirmedNonce = await this.#chain.confirmedNonce()
    const used = open.filter(({ nonce }) => nonce < confirmedNonce)
    for (const submission of open) if (!used.includes(submission)) this.#usedNonces.forget(submission.id)
    const end = Date.now() + LOOKS_MS
    for (const submission of this.#due(used)) {
      if (Date.now() > end) break
      // It may have been mined between the two questions.
      const mined = await this.#findMined(submission)
      if (mined !== undefined) await this.#settle(submission, mined)
      else await this.#judge(submission)
    }
    return new Set(used)
  }

  /** Those to look at now, first the one that has waited longest: what is left when time is up comes first the next time. */
  #due(used: readonly Submission[]): Submission[] {
    const lookAt = ({ id }: Submission): number => this.#usedNonces.nextLookAt(id)
    return used.filter((submission) => lookAt(submission) <= Date.now()).sort((a, b) => lookAt(a) - lookAt(b))
  }

  async #judge(submission: Submission): Promise<void> {
    // By the outbox itself: a node that was behind made it sign a nonce of its own again.
    if (this.#outbox.submissions.isFinal(submission.nonce)) return this.#supersede(submission)
    const entries = this.#outbox.submissions.entriesOf(submission.id)
    const searched = this.#searched(submission, entries)
    const judgement = await this.#usedNonces.judge(submission, this.#mayRepeat(entries), searched)
    if (judgement === 'superseded') await this.#supersede(submission)
    else if (judgement !== 'open') await this.#settle(submission, judgement.mined, judgement.isFinal)
  }

  #searched(
    { nonce, transactions, signedAfter }: Submission,
    entries: readonly PendingEntry[],
  ): SearchedNonce {
    const hashes = transactions.map(({ hash }) => hash)
    return {
      nonce,
      hashes,
      signedAfter,
      since: Math.min(...entries.map(({ addedAt }) => addedAt)) / 1000,
      hasCall: (call) =>
        hashes.some((hash) => isSameCall(call, callOf(this.#outbox.submissions.rawOf(hash)))),
    }
  }

  /** Whether entries that are sent again cannot be recorded twice. A filler has none. */
  #mayRepeat(entries: readonly PendingEntry[]): boolean {
    return entries.length === 0 || this.#groups.of(entries).calls.keepsSlots
  }

  /** Looks again at what has become deep enough to be final. A record that a reorganisation took out is brought back. */
  async finalise(): Promise<void> {
    const [finalBlock, suspects] = await Promise.all([this.#finalBlock(), this.#takenOut.find()])
    for (const submission of suspects)
      if ((await this.#findAnywhere(submission)) === undefined) await this.#reopen(submission)
    for (const submission of this.#outbox.submissions.mined(finalBlock)) {
      const mined = await this.#findAnywhere(submission)
      if (mined === undefined) await this.#reopen(submission)
      else if (!mined.succeeded) await this.#settle(submission, mined)
      else {
        this.#requireEvent(submission, mined)
        await this.#markMined(submission, mined, await this.#isFinal(mined, finalBlock))
      }
    }
    await this.#looseEntries.finalise(finalBlock)
  }

  async #finalBlock(): Promise<number> {
    return (await this.#chain.headNumber()) - this.#settings.finalityDepth
  }

  /** Head and receipt may be of two nodes, one of them on a branch of its own: then neither makes the other final. */
  async #isFinal(mined: MinedTransaction, finalBlock: number): Promise<boolean> {
    return mined.blockNumber <= finalBlock && (await this.#chain.hasBlock(mined))
  }

  async #findMined({ transactions }: Submission): Promise<MinedTransaction | undefined> {
    const found = await Promise.all(transactions.map(({ hash }) => this.#chain.findMined(hash)))
    return found.find((mined) => mined !== undefined)
  }

  /** At the node that answers, or else at any. */
  async #findAnywhere(submission: Submission): Promise<MinedTransaction | undefined> {
    return (await this.#findMined(submission)) ?? (await this.#usedNonces.findMined(submission))
  }

  /** Returns false where it has to be left open. */
  async #settle(
    submission: Submission,
    mined: MinedTransaction,
    isFinal = this.#settings.finalityDepth === 0,
  ): Promise<boolean> {
    if (!mined.succeeded) return this.#settleReverted(submission, mined)
    this.#usedNonces.forget(submission.id)
    this.#requireEvent(submission, mined)
    const entries = await this.#markMined(submission, mined, isFinal)
    this.#settings.onStage('mined')
    for (const { key } of entries) this.#outcomes.recorded(key, locationOf(mined))
    this.#settings.logger.debug(
      { transaction: mined.hash, block: mined.blockNumber, entries: entries.length },
      'entries recorded',
    )
    return true
  }

  /** A transaction to an address without code succeeds, and records nothing. @throws REGISTRY_MISSING */
  #requireEvent({ entryCount }: Submission, { hash, hasEvent }: MinedTransaction): void {
    if (entryCount > 0 && !hasEvent)
      throw registryMissing(this.#settings.registry, `, or made no event in transaction ${hash}`)
  }

  async #markMined(
    submission: Submission,
    mined: MinedTransaction,
    isFinal: boolean,
  ): Promise<PendingEntry[]> {
    return this.#settings.commits.write(() => {
      this.#outbox.submissions.markMined(submission.id, locationOf(mined), isFinal)
      return this.#outbox.submissions.entriesOf(submission.id)
    })
  }

  /** Looks each key up on chain: a batch fails as a whole, mostly because one of its keys is there already. */
  async #settleReverted(submission: Submission, mined: MinedTransaction): Promise<boolean> {
    const entries = this.#outbox.submissions.entriesOf(submission.id)
    // In another block it might succeed, after its entries were sent again.
    if (!this.#mayRepeat(entries) && !(await this.#isFinal(mined, await this.#finalBlock()))) {
      this.#usedNonces.clear(submission.id)
      return false
    }
    this.#usedNonces.forget(submission.id)
    const digests = entries.length === 0 ? [] : await this.#chain.digestsOf(entries.map(({ key }) => key))
    const present = entries.filter((_, i) => !isEmptyDigest(digests[i]!))
    const matching = entries.filter(({ digest }, i) => digests[i] === digest)
    const { calls, gas } = this.#groups.of(entries)
    const locations = await this.#locate(
      matching.map(({ key }) => key),
      calls.event,
    )
    const ranOutOfGas = isOutOfGas(mined.gasUsed, submission.gasLimit)
    const isRaised = ranOutOfGas && gas.raise()
    const waitsForAnother = this.#waitsForAnother(entries)
    const isExplained = isRaised || present.length > 0 || waitsForAnother
    await this.#settings.commits.write(() => {
      this.#outbox.submissions.end(submission.id, 'reverted')
      for (const [i, entry] of entries.entries()) {
        const onChain = digests[i]!
        if (isEmptyDigest(onChain)) {
          if (this.#followsConflict(entry)) this.#outbox.markConflict(entry)
          else if (!isExplained) this.#setAside(entry, entries.length)
        } else if (onChain === entry.digest) {
          const location = locations.get(entry.key)
          this.#outbox.markRecordedElsewhere(
            entry.id,
            location?.blockNumber ?? mined.blockNumber,
            location?.transactionHash ?? null,
          )
        } else this.#outbox.markConflict(entry)
      }
    })
    this.#settings.logger.warn(
      { transaction: mined.hash, entries: entries.length, present: present.length, ranOutOfGas },
      'transaction reverted',
    )
    this.#report(entries, digests, locations, mined)
    return true
  }

  /** Whether the batch failed because what one of its entries follows, in a transaction before, is not on chain yet. */
  #waitsForAnother(entries: readonly PendingEntry[]): boolean {
    const own = new Set(entries.map(({ key }) => key))
    return entries.some(
      ({ afterKey }) => afterKey !== null && !own.has(afterKey) && !this.#outbox.isSettled(afterKey),
    )
  }

  #followsConflict({ afterKey }: PendingEntry): boolean {
    return afterKey !== null && this.#outbox.find(afterKey)?.state === 'conflict'
  }

  #report(
    entries: readonly PendingEntry[],
    digests: readonly Bytes32[],
    locations: ReadonlyMap<Bytes32, RecordLocation>,
    mined: MinedTransaction,
  ): void {
    for (const [i, { key, digest }] of entries.entries()) {
      const onChain = digests[i]!
      if (onChain === digest) this.#outcomes.recorded(key, locations.get(key) ?? locationOf(mined))
      else if (!isEmptyDigest(onChain)) {
        this.#settings.logger.error({ key, digest, onChain }, 'the chain has another digest under this key')
        this.#outcomes.conflicted(key, onChain)
      }
    }
  }

  /** Nobody knows why it failed: halves are tried, and what fails alone is tried ever more rarely. Runs in a transaction. */
  #setAside(entry: PendingEntry, batchSize: number): void {
    const { key, refusals } = entry
    if (batchSize > 1) {
      this.#outbox.postpone(entry, Math.ceil(batchSize / 2), 0, 0)
      return
    }
    const retryInMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(refusals, 20))
    this.#settings.logger.error({ key, refusals: refusals + 1, retryInMs }, 'the registry refuses an entry')
    this.#outbox.postpone(entry, 1, refusals + 1, Date.now() + retryInMs)
  }

  async #supersede(submission: Submission): Promise<void> {
    this.#usedNonces.forget(submission.id)
    await this.#settings.commits.write(() => this.#outbox.submissions.end(submission.id, 'superseded'))
    this.#settings.logger.warn(
      { nonce: submission.nonce, entries: submission.entryCount },
      'nonce was used by another process; entries wait for a new one',
    )
  }

  async #reopen(submission: Submission): Promise<void> {
    await this.#settings.commits.write(() => this.#outbox.submissions.reopen(submission.id))
    this.#settings.logger.warn(
      { nonce: submission.nonce, block: submission.blockNumber, entries: submission.entryCount },
      'a reorganisation took records out; they are sent again',
    )
  }

  /** Their events may be out of a node's reach; the records count all the same. */
  async #locate(
    keys: readonly Bytes32[],
    event: RecordingEvent | undefined,
  ): Promise<Map<Bytes32, RecordLocation>> {
    try {
      return keys.length === 0 ? new Map() : await this.#chain.findRecordings(keys, event)
    } catch (error) {
      this.#settings.logger.warn({ err: error, keys: keys.length }, 'events of records could not be found')
      return new Map()
    }
  }
}

const locationOf = ({ hash, blockNumber }: MinedTransaction): RecordLocation => ({
  transactionHash: hash,
  blockNumber,
})
