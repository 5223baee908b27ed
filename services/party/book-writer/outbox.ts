import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32, Hex } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'
import { DEFAULT_GROUP } from './call-groups.ts'
import type { RecordLocation } from './chain-access.ts'
import { claimOutbox, type OutboxOwner } from './outbox-owner.ts'
import { prepareOutbox } from './outbox-schema.ts'
import type { CallEntry } from './registry-calls.ts'
import type { Fees, SignedTransaction } from './signed-transaction.ts'

/**
 * - `pending`: waits to be sent
 * - `submitted`: in a signed transaction whose fate is open
 * - `recorded`: in a block
 * - `final`: in a block as deep as the chain's finality asks
 * - `conflict`: the chain has another digest under its key, or under one that it follows; it cannot be recorded any more
 */
export type EntryState = 'pending' | 'submitted' | 'recorded' | 'final' | 'conflict'

export interface OutboxEntry extends Entry {
  /** Unix seconds by which it was promised to be on chain; zero for no promise. */
  recordBy: number
  /** What the registry's call takes beyond key and digest; forgotten once the entry is final. */
  content?: Uint8Array
  /** Key of the entry, added before, without which the registry does not take this one. */
  afterKey?: Bytes32
  /** Which of the book writer's groups it goes with; default the one without a name. */
  group?: string
}

export interface PendingEntry extends CallEntry {
  id: number
  group: string
  afterKey: Bytes32 | null
  /** Unix milliseconds. */
  addedAt: number
  /** Entries that may share a transaction with it, itself included; null: any number. */
  batchLimit: number | null
  /** How often it was refused, alone, for a reason unknown. */
  refusals: number
}

export interface OutboxEntryState {
  digest: Bytes32
  state: EntryState
  group: string
  location: RecordLocation | null
}

/** One nonce of the author: all its transactions carry the same entries, at most one of them is ever mined. */
export interface Submission {
  id: number
  nonce: number
  gasLimit: number
  /** Zero for a transaction that only fills a gap in the nonces. */
  entryCount: number
  blockNumber: number | null
  transactions: SubmissionTransaction[]
}

/** Its bytes are apart, see `rawOf`: they are long, and rarely wanted again. */
export interface SubmissionTransaction extends Pick<SignedTransaction, 'hash'>, Fees {
  /** Unix milliseconds of the last time it was sent; null: perhaps never. */
  sentAt: number | null
}

export interface OutboxCounts {
  pending: number
  submitted: number
  /** On chain, not final yet. */
  recorded: number
  conflict: number
  /** Neither on chain nor in time. */
  overdue: number
}

/** Of the entry whose key is the first parameter: those that follow it, at any distance. */
const FOLLOWERS = `WITH RECURSIVE followers (entry_key) AS (
  SELECT entry_key FROM outbox_entries WHERE after_key = ? UNION
  SELECT next.entry_key FROM outbox_entries AS next JOIN followers ON next.after_key = followers.entry_key)`

// A partial index serves only a query that repeats its condition, hence `AND state <> 'final'` beside a state that is not.

/** The tables of the book writer, in its party's own database. Nothing here opens a transaction: the callers do. */
export class Outbox {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** @throws CONFIGURATION_INVALID when the database belongs to another author, chain or registry */
  constructor(db: DatabaseSync, owner: OutboxOwner) {
    this.#db = db
    prepareOutbox(db)
    claimOutbox(db, owner)
  }

  /** Whether the chain has to be asked or told anything. */
  hasUnsettled(): boolean {
    return this.openNonces().length > 0 || this.hasUnfinal() || this.#hasPending()
  }

  #hasPending(): boolean {
    return this.#prepare("SELECT 1 FROM outbox_entries WHERE state = 'pending' LIMIT 1").get() !== undefined
  }

  /** Adds an entry; the same entry again changes nothing. @throws ENTRY_CONFLICT when its key is there with another digest */
  add({ key, digest, recordBy, content, afterKey, group }: OutboxEntry, now: number): void {
    const { changes } = this.#run(
      `INSERT INTO outbox_entries (entry_key, digest, record_by, added_at_ms, content, after_key, call_group)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      key,
      digest,
      recordBy,
      now,
      content ?? null,
      afterKey ?? null,
      group ?? DEFAULT_GROUP,
    )
    if (changes === 0 && this.find(key)?.digest !== digest)
      throw new CountersignError('ENTRY_CONFLICT', `the outbox holds another digest under ${key}`)
  }

  find(key: Bytes32): OutboxEntryState | undefined {
    const row = this.#prepare(
      'SELECT digest, state, call_group, transaction_hash, block_number FROM outbox_entries WHERE entry_key = ?',
    ).get(key)
    if (row === undefined) return undefined
    return {
      digest: row.digest as Bytes32,
      state: row.state as EntryState,
      group: row.call_group as string,
      location:
        row.transaction_hash === null
          ? null
          : { transactionHash: row.transaction_hash as Bytes32, blockNumber: Number(row.block_number) },
    }
  }

  /**
   * The oldest entries of a group that may go into one transaction now. None goes before the one that it follows.
   * @param afterSubmitted whether one may go while the transaction of the one that it follows is under way
   */
  nextBatch(limit: number, now: number, afterSubmitted = true, group = DEFAULT_GROUP): PendingEntry[] {
    const batch: PendingEntry[] = []
    const taken = new Set<Bytes32>()
    let room = limit
    for (const row of this.#prepare(
      `SELECT entry.id, entry.entry_key AS key, entry.digest, entry.content, entry.call_group AS "group", entry.after_key AS afterKey,
         entry.added_at_ms AS addedAt, entry.batch_limit AS batchLimit, entry.refusals, before.state AS stateBefore
       FROM outbox_entries AS entry LEFT JOIN outbox_entries AS before ON before.entry_key = entry.after_key
       WHERE entry.state = 'pending' AND entry.call_group = ? AND entry.not_before_ms <= ? AND (? OR before.state IS NOT 'submitted')
       ORDER BY entry.id LIMIT ?`,
    ).iterate(group, now, Number(afterSubmitted), limit)) {
      const { stateBefore, ...entry } = row as unknown as PendingEntry & { stateBefore: EntryState | null }
      room = Math.min(room, entry.batchLimit ?? limit)
      if (batch.length >= room) break
      if (stateBefore === 'pending' && !taken.has(entry.afterKey!)) continue
      taken.add(entry.key)
      batch.push(entry)
    }
    return batch
  }

  /** When, after `now`, the next entry that was set aside may be tried again; unix milliseconds. */
  nextRetryAt(now: number): number | undefined {
    const row = this.#prepare(
      "SELECT min(not_before_ms) AS at FROM outbox_entries WHERE state = 'pending' AND not_before_ms > ?",
    ).get(now)
    return row?.at == null ? undefined : Number(row.at)
  }

  createSubmission(
    submission: { nonce: number; gasLimit: number; root?: string | undefined },
    entries: readonly PendingEntry[],
    transaction: SignedTransaction & Fees,
  ): number {
    const id = Number(
      this.#run(
        'INSERT INTO outbox_submissions (nonce, gas_limit, entry_count, root) VALUES (?, ?, ?, ?)',
        submission.nonce,
        submission.gasLimit,
        entries.length,
        submission.root ?? null,
      ).lastInsertRowid,
    )
    const submit = this.#prepare(
      "UPDATE outbox_entries SET state = 'submitted', submission_id = ? WHERE id = ?",
    )
    for (const entry of entries) submit.run(id, entry.id)
    this.addTransaction(id, transaction)
    return id
  }

  addTransaction(submissionId: number, { hash, raw, ...fees }: SignedTransaction & Fees): void {
    this.#run(
      `INSERT INTO outbox_transactions (transaction_hash, submission_id, raw, max_fee_wei, priority_fee_wei)
       VALUES (?, ?, ?, ?, ?)`,
      hash,
      submissionId,
      raw,
      String(fees.maxFeePerGas),
      String(fees.maxPriorityFeePerGas),
    )
  }

  /** The signed bytes of a transaction that is not final. */
  rawOf(hash: Bytes32): Hex {
    return this.#prepare('SELECT raw FROM outbox_transactions WHERE transaction_hash = ?').get(hash)!
      .raw as Hex
  }

  markSent(hash: Bytes32, now: number): void {
    this.#run('UPDATE outbox_transactions SET sent_at_ms = ? WHERE transaction_hash = ?', now, hash)
  }

  /** Those whose fate is open, by nonce, transactions oldest first. */
  openSubmissions(): Submission[] {
    return this.#submissions("SELECT * FROM outbox_submissions WHERE state = 'open' ORDER BY nonce", [])
  }

  /** Nonces of those whose fate is open. */
  openNonces(): number[] {
    return this.#prepare("SELECT nonce FROM outbox_submissions WHERE state = 'open'")
      .all()
      .map(({ nonce }) => Number(nonce))
  }

  /** Those mined at `block` or before and not final yet. */
  minedSubmissions(block: number): Submission[] {
    return this.#submissions(
      "SELECT * FROM outbox_submissions WHERE state = 'mined' AND block_number <= ? ORDER BY nonce LIMIT 100",
      [block],
    )
  }

  hasUnfinal(): boolean {
    return (
      this.#prepare("SELECT 1 FROM outbox_submissions WHERE state = 'mined' LIMIT 1").get() !== undefined ||
      this.#prepare(
        "SELECT 1 FROM outbox_entries WHERE state = 'recorded' AND state <> 'final' LIMIT 1",
      ).get() !== undefined
    )
  }

  entriesOf(submissionId: number): PendingEntry[] {
    return this.#prepare(
      `SELECT id, entry_key AS key, digest, content, call_group AS "group", after_key AS afterKey, added_at_ms AS addedAt,
         batch_limit AS batchLimit, refusals
       FROM outbox_entries WHERE submission_id = ? ORDER BY id`,
    ).all(submissionId) as unknown as PendingEntry[]
  }

  /** The submission's transaction is in a block, and with it all its entries. */
  markMined(submissionId: number, location: RecordLocation, isFinal: boolean): void {
    const { transactionHash, blockNumber } = location
    this.#run(
      'UPDATE outbox_submissions SET state = ?, transaction_hash = ?, block_number = ? WHERE id = ?',
      isFinal ? 'final' : 'mined',
      transactionHash,
      blockNumber,
      submissionId,
    )
    this.#run(
      'UPDATE outbox_entries SET state = ?, transaction_hash = ?, block_number = ? WHERE submission_id = ?',
      isFinal ? 'final' : 'recorded',
      transactionHash,
      blockNumber,
      submissionId,
    )
    if (!isFinal) return
    // A final transaction is never sent again, and what it was made of is the bulk of the database.
    this.#run("UPDATE outbox_transactions SET raw = '' WHERE submission_id = ?", submissionId)
    this.#run(
      'UPDATE outbox_entries SET content = NULL WHERE submission_id = ? AND content IS NOT NULL',
      submissionId,
    )
  }

  /** A mined submission has left the chain again: its transactions are to be sent anew. */
  reopenSubmission(submissionId: number): void {
    this.#run(
      "UPDATE outbox_submissions SET state = 'open', transaction_hash = NULL, block_number = NULL WHERE id = ?",
      submissionId,
    )
    this.#run(
      `UPDATE outbox_entries SET state = 'submitted', transaction_hash = NULL, block_number = NULL
       WHERE submission_id = ?`,
      submissionId,
    )
    this.#run('UPDATE outbox_transactions SET sent_at_ms = NULL WHERE submission_id = ?', submissionId)
  }

  /** The submission recorded nothing; its entries are settled one by one, or wait again. */
  endSubmission(submissionId: number, state: 'reverted' | 'superseded'): void {
    if (state === 'superseded')
      // Should its root be on chain after all, somebody will ask what is under it.
      this.#run(
        `INSERT INTO outbox_superseded_entries SELECT s.id, e.id FROM outbox_submissions AS s
           JOIN outbox_entries AS e ON e.submission_id = s.id WHERE s.id = ? AND s.root IS NOT NULL`,
        submissionId,
      )
    this.#run('UPDATE outbox_submissions SET state = ? WHERE id = ?', state, submissionId)
    this.#run(
      `UPDATE outbox_entries
       SET state = 'pending', submission_id = NULL, transaction_hash = NULL, block_number = NULL
       WHERE submission_id = ?`,
      submissionId,
    )
  }

  /** An entry is on chain by a transaction that is not this outbox's, or no longer known. */
  markRecordedElsewhere(entryId: number, blockNumber: number, transactionHash: Bytes32 | null): void {
    this.#run(
      `UPDATE outbox_entries SET state = 'recorded', submission_id = NULL, transaction_hash = ?, block_number = ?
       WHERE id = ?`,
      transactionHash,
      blockNumber,
      entryId,
    )
  }

  /** Entries recorded elsewhere, at `block` or before, and not final yet. */
  recordedElsewhere(block: number, limit: number): (Entry & { id: number })[] {
    return this.#prepare(
      `SELECT id, entry_key AS key, digest FROM outbox_entries
       WHERE state = 'recorded' AND state <> 'final' AND submission_id IS NULL AND block_number <= ? LIMIT ?`,
    ).all(block, limit) as unknown as (Entry & { id: number })[]
  }

  /** Where an entry was found that is on chain. */
  setLocation(key: Bytes32, { transactionHash, blockNumber }: RecordLocation): void {
    this.#run(
      'UPDATE outbox_entries SET transaction_hash = ?, block_number = ? WHERE entry_key = ?',
      transactionHash,
      blockNumber,
      key,
    )
  }

  setState(entryId: number, state: EntryState): void {
    this.#run('UPDATE outbox_entries SET state = ? WHERE id = ?', state, entryId)
  }

  /** The entry cannot be recorded any more, nor can those that follow it. */
  markConflict({ id, key }: { id: number; key: Bytes32 }): void {
    this.setState(id, 'conflict')
    this.#run(
      `${FOLLOWERS} UPDATE outbox_entries SET state = 'conflict' WHERE state = 'pending' AND entry_key IN followers`,
      key,
    )
  }

  /** Waits again: in smaller company, or not before a time; those that follow it wait with it. */
  postpone(
    { id, key }: { id: number; key: Bytes32 },
    batchLimit: number,
    refusals: number,
    notBefore: number,
  ): void {
    this.#run(
      'UPDATE outbox_entries SET batch_limit = ?, refusals = ?, not_before_ms = ? WHERE id = ?',
      batchLimit,
      refusals,
      notBefore,
      id,
    )
    this.#run(
      `${FOLLOWERS} UPDATE outbox_entries SET not_before_ms = ? WHERE state = 'pending' AND entry_key IN followers`,
      key,
      notBefore,
    )
  }

  /** False while the entry waits, or its transaction is under way. */
  isSettled(key: Bytes32): boolean {
    const state = this.find(key)?.state
    return state !== 'pending' && state !== 'submitted'
  }

  /** @param now unix seconds */
  counts(now: number): OutboxCounts {
    const counts: OutboxCounts = { pending: 0, submitted: 0, recorded: 0, conflict: 0, overdue: 0 }
    for (const row of this.#prepare(
      "SELECT state, count(*) AS entries FROM outbox_entries WHERE state <> 'final' GROUP BY state",
    ).iterate())
      counts[row.state as keyof OutboxCounts] = Number(row.entries)
    const overdue = this.#prepare(
      `SELECT count(*) AS entries FROM outbox_entries
       WHERE state IN ('pending', 'submitted') AND state <> 'final' AND record_by BETWEEN 1 AND ?`,
    ).get(now - 1)
    counts.overdue = Number(overdue?.entries)
    return counts
  }

  #submissions(sql: string, parameters: number[]): Submission[] {
    return this.#prepare(sql)
      .all(...parameters)
      .map((row) => ({
        id: Number(row.id),
        nonce: Number(row.nonce),
        gasLimit: Number(row.gas_limit),
        entryCount: Number(row.entry_count),
        blockNumber: row.block_number === null ? null : Number(row.block_number),
        transactions: this.#transactionsOf(Number(row.id)),
      }))
  }

  #transactionsOf(submissionId: number): SubmissionTransaction[] {
    return this.#prepare(
      `SELECT transaction_hash, max_fee_wei, priority_fee_wei, sent_at_ms FROM outbox_transactions
       WHERE submission_id = ? ORDER BY rowid`,
    )
      .all(submissionId)
      .map((row) => ({
        hash: row.transaction_hash as Bytes32,
        maxFeePerGas: BigInt(String(row.max_fee_wei)),
        maxPriorityFeePerGas: BigInt(String(row.priority_fee_wei)),
        sentAt: row.sent_at_ms === null ? null : Number(row.sent_at_ms),
      }))
  }

  #run(
    sql: string,
    ...parameters: (string | number | Uint8Array | null)[]
  ): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#prepare(sql).run(...parameters)
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}
