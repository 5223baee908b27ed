import { isCountersignError } from '../../../protocol/errors.ts'
import type { BookWriterSettings } from './book-writer-options.ts'
import type { CallGroup, CallGroups } from './call-groups.ts'
import type { Broadcast, ChainAccess, SubmissionTerms } from './chain-access.ts'
import { FILLER_GAS } from './gas.ts'
import type { Outbox, PendingEntry } from './outbox.ts'
import { type Fees, type SignedTransaction, signTransaction } from './signed-transaction.ts'
import type { Submission, SubmissionTransaction } from './submissions.ts'

const NO_DATA = new Uint8Array(0)
const FILLERS_AT_ONCE = 16
/**
 * Blocks, at least, below the newest at the time of signing, that have none of the transactions: what counts as final is a setting, and
 * may be less than a reorganisation takes.
 */
const SIGNING_MARGIN_BLOCKS = 64
/** A chain that stands still asks for no more, however often its transactions are outbid. */
const MAX_TIMES_THE_MARKET = 10n

/**
 * Makes transactions of pending entries and brings them to the chain. A transaction is stored before it is sent and is sent again as it
 * is after a crash, so that one nonce never carries two batches.
 */
export class Submitter {
  readonly #settings: BookWriterSettings
  readonly #outbox: Outbox
  readonly #chain: ChainAccess
  readonly #groups: CallGroups

  constructor(settings: BookWriterSettings, outbox: Outbox, chain: ChainAccess, groups: CallGroups) {
    this.#settings = settings
    this.#outbox = outbox
    this.#chain = chain
    this.#groups = groups
  }

  /**
   * Sends the pending entries that are due, in so many transactions at most. Returns how many entries.
   * @param mayHold whether also those that may come to be held
   */
  async submitDue(transactions: number, isUrgent: boolean, mayHold: boolean): Promise<number> {
    let total = 0
    let terms: SubmissionTerms | undefined
    for (let room = transactions; room > 0; room--) {
      const batch = this.#nextDue(isUrgent, mayHold)
      if (batch.length === 0) break
      terms ??= await this.#chain.terms()
      const { gas } = this.#groups.of(batch)
      const entries = batch.slice(0, gas.fitting(batch, terms.blockGasLimit))
      await this.#submit(entries, this.#freeNonce(terms), terms)
      total += entries.length
    }
    return total
  }

  /** Those that may share the next transaction, of the group that has waited longest; none while all may still wait for others. */
  #nextDue(isUrgent: boolean, mayHold: boolean): PendingEntry[] {
    return this.#groupsToSend(mayHold)
      .map((group) => this.#dueOf(group, isUrgent))
      .reduce<PendingEntry[]>(
        (first, batch) =>
          (batch[0]?.id ?? Number.POSITIVE_INFINITY) < (first[0]?.id ?? Number.POSITIVE_INFINITY)
            ? batch
            : first,
        [],
      )
  }

  /** Entries with slots are never held: sent twice they are recorded once. */
  #groupsToSend(mayHold: boolean): readonly CallGroup[] {
    return mayHold ? this.#groups.all : this.#groups.all.filter(({ calls }) => calls.keepsSlots)
  }

  #dueOf({ name, calls }: CallGroup, isUrgent: boolean): PendingEntry[] {
    const { maxBatch, flushIntervalMs } = this.#settings
    const batch = this.#outbox.nextBatch(maxBatch, Date.now(), calls.checksOrder, name)
    const oldest = batch[0]
    if (oldest === undefined) return []
    const isDue = batch.length >= maxBatch || oldest.addedAt + flushIntervalMs <= Date.now()
    return isDue || isUrgent || oldest.batchLimit !== null ? batch : []
  }

  /** Milliseconds until pending entries are due; undefined when there are none. @param urgentIn milliseconds until all are */
  dueIn(now: number, urgentIn: number, mayHold: boolean): number | undefined {
    const due = this.#groupsToSend(mayHold).flatMap((group) => this.#groupDueIn(group, now, urgentIn) ?? [])
    if (due.includes(0)) return 0
    const retryAt = this.#outbox.nextRetryAt(now)
    if (retryAt !== undefined) due.push(retryAt - now)
    return due.length === 0 ? undefined : Math.min(...due)
  }

  /** By the very entries that would be sent: those set aside, or behind others, make no batch full. */
  #groupDueIn({ name, calls }: CallGroup, now: number, urgentIn: number): number | undefined {
    const { maxBatch, flushIntervalMs } = this.#settings
    const batch = this.#outbox.nextBatch(maxBatch, now, calls.checksOrder, name)
    const oldest = batch[0]
    if (oldest === undefined) return undefined
    if (oldest.batchLimit !== null || batch.length >= maxBatch) return 0
    return Math.max(0, Math.min(urgentIn, oldest.addedAt + flushIntervalMs - now))
  }

  /** Sends a stored transaction again as it is. @throws what the node said when it refuses all that the author can pay */
  async rebroadcast(submission: Submission): Promise<void> {
    const { sent } = await this.#broadcast(submission)
    await this.#markSent(sent.hash)
  }

  /**
   * For a submission that is overdue: sends it again if the node has lost it; otherwise outbids it at the same nonce, within the
   * highest fee allowed. A nonce before it that nobody uses any more is filled, since it would hold up everything behind.
   * @throws what the node said when it refuses all that the author can pay
   */
  async pushThrough(submission: Submission, isFirst: boolean): Promise<void> {
    const { outcome, sent } = await this.#broadcast(submission)
    // It stays overdue, so that its nonce is looked into: one that somebody else used is given up.
    if (outcome === 'nonce-used') return
    if (outcome === 'accepted') return this.#markSent(sent.hash)
    const terms = await this.#chain.terms()
    if (isFirst && terms.pendingNonce < submission.nonce) {
      await this.#fill(submission.nonce, terms)
      return this.#markSent(sent.hash)
    }
    await this.#outbid(submission, sent, terms)
  }

  /** Nonces before `end` that nobody uses, but for those of its own: what a reorganisation took out goes back under them. */
  async #fill(end: number, terms: SubmissionTerms): Promise<void> {
    const { submissions } = this.#outbox
    const open = new Set(submissions.openNonces())
    const last = Math.min(end, terms.pendingNonce + FILLERS_AT_ONCE)
    for (let nonce = terms.pendingNonce; nonce < last; nonce++) {
      if (open.has(nonce) || submissions.isMined(nonce)) continue
      this.#settings.logger.warn({ nonce }, 'unused nonce filled')
      await this.#submit([], nonce, terms)
    }
  }

  /** The newest of its transactions; where a node refuses that, the newest of those before that the author can pay. */
  async #broadcast({
    transactions,
    gasLimit,
  }: Submission): Promise<{ outcome: Broadcast; sent: SubmissionTransaction }> {
    const newest = transactions.at(-1)!
    try {
      return { outcome: await this.#broadcastStored(newest), sent: newest }
    } catch (refusal) {
      if (isCountersignError(refusal)) throw refusal
      const balance = await this.#chain.balance()
      const sent = transactions.slice(0, -1).findLast((one) => costOf(one, gasLimit) <= balance)
      if (sent === undefined) throw refusal
      return { outcome: await this.#broadcastStored(sent), sent }
    }
  }

  #broadcastStored({ hash }: SubmissionTransaction): Promise<Broadcast> {
    return this.#chain.broadcast(this.#outbox.submissions.rawOf(hash))
  }

  /** What was signed is sent again and again, so no more is signed than the author can pay, nor far more than the chain asks. */
  async #outbid(submission: Submission, sent: SubmissionTransaction, terms: SubmissionTerms): Promise<void> {
    const { logger } = this.#settings
    const fees = {
      maxFeePerGas: larger(raised(sent.maxFeePerGas), terms.fees.maxFeePerGas),
      maxPriorityFeePerGas: larger(raised(sent.maxPriorityFeePerGas), terms.fees.maxPriorityFeePerGas),
    }
    const highest = smaller(this.#settings.maxFeePerGas, MAX_TIMES_THE_MARKET * terms.fees.maxFeePerGas)
    const isPayable = costOf(fees, submission.gasLimit) <= (await this.#chain.balance())
    if (fees.maxFeePerGas > highest || !isPayable) {
      logger.warn({ nonce: submission.nonce, isPayable }, 'transaction waits at the highest fee allowed')
      return this.#markSent(sent.hash)
    }
    const transaction = this.#sign(
      this.#outbox.submissions.entriesOf(submission.id),
      submission,
      fees,
      terms.timestamp,
    )
    await this.#settings.commits.write(() =>
      this.#outbox.submissions.addTransaction(submission.id, { ...transaction, ...fees }),
    )
    logger.info(
      { nonce: submission.nonce, transaction: transaction.hash, replaced: sent.hash },
      'transaction replaced with a higher fee',
    )
    await this.#send(transaction)
  }

  async #submit(
    entries: readonly PendingEntry[],
    nonce: number,
    { fees, timestamp, blockNumber }: SubmissionTerms,
  ): Promise<void> {
    const { commits, onStage, logger } = this.#settings
    // Newer blocks may yet be replaced by others, which have it.
    const margin = Math.max(SIGNING_MARGIN_BLOCKS, this.#settings.finalityDepth)
    const signedAfter = Math.max(-1, blockNumber - margin)
    const { calls, gas } = this.#groups.of(entries)
    const isFiller = entries.length === 0
    const gasLimit = isFiller ? FILLER_GAS : gas.limitFor(entries)
    const root = isFiller ? undefined : calls.rootOf?.(entries)
    const maxFeePerGas = smaller(fees.maxFeePerGas, this.#settings.maxFeePerGas)
    // A transaction whose priority fee is above its highest fee is taken by no node.
    const capped = { maxFeePerGas, maxPriorityFeePerGas: smaller(fees.maxPriorityFeePerGas, maxFeePerGas) }
    const transaction = this.#sign(entries, { nonce, gasLimit }, capped, timestamp)
    await commits.write(() =>
      this.#outbox.submissions.create({ nonce, gasLimit, root, signedAfter }, entries, {
        ...transaction,
        ...capped,
      }),
    )
    onStage('stored')
    await this.#send(transaction)
    onStage('sent')
    logger.debug({ nonce, transaction: transaction.hash, entries: entries.length }, 'entries submitted')
  }

  #sign(
    entries: readonly PendingEntry[],
    { nonce, gasLimit }: { nonce: number; gasLimit: number },
    fees: Fees,
    blockTime: number,
  ): SignedTransaction {
    const { registry, key } = this.#settings
    const isFiller = entries.length === 0
    return signTransaction(
      {
        chainId: registry.chainId,
        nonce,
        gasLimit,
        to: isFiller ? key.address : registry.registry,
        data: isFiller ? NO_DATA : this.#groups.of(entries).calls.encode(entries, blockTime),
        ...fees,
      },
      key.privateKey,
    )
  }

  async #send({ raw, hash }: SignedTransaction): Promise<void> {
    await this.#chain.broadcast(raw)
    await this.#markSent(hash)
  }

  async #markSent(hash: SignedTransaction['hash']): Promise<void> {
    await this.#settings.commits.write(() => this.#outbox.submissions.markSent(hash, Date.now()))
  }

  /**
   * The first nonce that neither the pool nor an open submission has, above those that are in blocks: a node may be behind, or a
   * reorganisation have taken out what goes back under its old nonce.
   */
  #freeNonce({ pendingNonce }: SubmissionTerms): number {
    const taken = new Set(this.#outbox.submissions.openNonces())
    let nonce = Math.max(pendingNonce, this.#outbox.submissions.nextNonce())
    while (taken.has(nonce)) nonce++
    return nonce
  }
}

/** Nodes ask for a tenth more at least. */
const raised = (fee: bigint): bigint => (fee * 5n) / 4n + 1n
/** Wei, at most. */
const costOf = ({ maxFeePerGas }: Fees, gasLimit: number): bigint => maxFeePerGas * BigInt(gasLimit)
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)
